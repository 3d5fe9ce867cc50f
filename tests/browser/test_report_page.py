"""The report page in a real browser: tables, sorting, the viewer, errors, cells, addresses, files, accessibility.

`make test-browser` runs it. It leaves screenshots in work/browser/, to be looked at.
"""

import csv
import io
import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import shapely
from browser.chromium import colours, resize
from browser.pages import wait
from conftest import ROOT, needs_real_data
from pycocotools import mask as coco_mask

pytest_plugins = ["browser.pages"]
pytestmark = pytest.mark.browser
CSS, ID = "css selector", "id"  # of the WebDriver standard, as are the keys
ENTER, ESCAPE, TAB = "\ue007", "\ue00c", "\ue004"
PICTURES = ROOT / "work/browser"
AXE = next((file for path in sys.path if (file := Path(path, "axe_playwright_python/axe.min.js")).is_file()), None)
WIDE, NARROW = (1600, 1000), (360, 740)


def keep(driver, name):
    """Save a screenshot of what the window shows."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    driver.save_screenshot(str(PICTURES / f"{name}.png"))


def table(run, name):
    """Rows of a CSV of the run."""
    with (run / f"tables/{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def shown(driver, name):
    """Rows of a table of the page as {column: text}."""
    script = """
      const table = document.querySelector(`[data-name="${arguments[0]}"] table`);
      const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
      return [...table.tBodies[0].rows].map((row) =>
        Object.fromEntries([...row.cells].map((cell, at) => [heads[at], cell.textContent.trim()])));"""
    return driver.execute_script(script, name)


def click(driver, selector):
    """Click an element where it can be seen."""
    element = driver.find_element(CSS, selector)
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def facts(driver):
    """What the viewer says, {name: text}."""
    return driver.execute_script(
        "const names = [...document.querySelectorAll('#facts dt')];"
        "return Object.fromEntries(names.map((name) => [name.textContent, name.nextSibling.textContent]))"
    )


def errors_of(run, setting, model, image):
    """Rows of errors.csv of a cell in an image, that are errors."""
    with (run / f"cells/setting{setting}/{model}/seed0/errors.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["image_id"]) == image]
    return [row for row in rows if row["kind"] != "matched"]


def same(text, value):
    """Whether a cell shows a value of the CSV: the same text, or the same number to its digits."""
    try:
        return abs(float(text) - float(value)) <= 0.5001 * 10.0 ** -len(text.partition(".")[2])
    except ValueError:
        return text == value


@pytest.mark.parametrize(
    "name", ["table1", "table2", "table1_full", "table2_full", "staircase", "instances", "findings"]
)
def test_tables_show_their_csv(opened, run, name):
    found, wanted = shown(opened(run), name), table(run, name)
    assert len(found) == len(wanted) > 0
    for row, known in zip(found, wanted, strict=True):
        common = [key for key in known if key in row]
        assert len(common) > 4
        assert [key for key in common if "[" not in row[key] and not same(row[key], known[key])] == []


def test_intervals_and_ceilings_stand_beside_the_scores(opened, run):
    driver = opened(run)
    groups = json.loads((run / "comparisons.json").read_text())["groups"]
    for setting in (1, 2):
        models = ["mask_r50", "mask_x101"]
        for row, model in zip(shown(driver, f"table{setting}"), models, strict=True):
            one = groups[f"setting{setting}/{model}"]["pooled"]["ap50_100"]
            scores = json.loads((run / f"cells/setting{setting}/{model}/seed0/scores.json").read_text())
            assert row["95 % interval"] == f"{one['low']:.4f} to {one['high']:.4f}"
            assert row["ceiling"] == f"{scores['ceiling_report']:.4f}"
            assert row["of ceiling"] == f"{100 * scores['map_report'] / scores['ceiling_report']:.1f} %"
            assert row["published mAP"]
    assert driver.find_element(CSS, ".found").text.startswith("The highest mAP")


def test_a_column_sorts_in_both_directions(opened, run):
    driver = opened(run)
    head = '[data-name="instances"] th:nth-child({}) button'
    script = (
        "return [...document.querySelectorAll('[data-name=instances] th[scope=col]')].map((head) => head.textContent)"
    )
    columns = driver.execute_script(script)
    for column in ("model", "PQ"):
        selector = head.format(columns.index(column) + 1)
        click(driver, selector)
        up = [row[column] for row in shown(driver, "instances")]
        click(driver, selector)
        down = [row[column] for row in shown(driver, "instances")]
        assert up == sorted(up)  # the numbers have equally many digits
        assert sorted(up) == sorted(down)
        assert down[0] == up[-1]
        state = "return document.querySelector(arguments[0]).closest('th').getAttribute('aria-sort')"
        assert driver.execute_script(state, selector) == "descending"


def test_contours_can_be_switched(opened, run):
    driver = opened(run)
    drawn = "return document.getElementById('canvas').dataset.drawn"
    pixels = "return document.getElementById('canvas').toDataURL()"
    assert driver.execute_script(drawn) == "1:ta"
    seen = {"ta": driver.execute_script(pixels)}
    for switch, wanted in (("on-b", "tab"), ("on-t", "ab"), ("on-a", "b"), ("on-b", "")):
        click(driver, f"#{switch}")
        wait(driver, f"return document.getElementById('canvas').dataset.drawn === '1:{wanted}'")
        seen[wanted] = driver.execute_script(pixels)
    assert len(set(seen.values())) == 5
    click(driver, '[data-image="2"]')
    wait(driver, "return document.getElementById('canvas').dataset.drawn.startsWith('2:')")
    assert "image=2" in wait(driver, "return location.hash.includes('image=2') && location.hash")


def test_errors_are_stepped_through_by_key_and_by_button(opened, run):
    driver = opened(run, "image=1&a=setting1/mask_r50&b=setting2/mask_r50&on=ta")
    wanted = errors_of(run, 1, "mask_r50", 1)
    canvas = driver.find_element(ID, "canvas")
    seen = []
    for _ in wanted:
        canvas.send_keys("n")
        found = facts(driver)
        at, _, kind = found["error"].partition(": ")
        assert at == f"{len(seen) + 1} of {len(wanted)}"
        if "true nucleus" in found:
            seen.append(("nucleus", kind, found["true nucleus"].partition(",")[0]))
        else:
            seen.append(("detection", kind, found["mask_r50, setting 1"].split()[1].rstrip(":")))
    assert sorted(seen) == sorted((row["what"], row["kind"], row[row["what"]]) for row in wanted)
    canvas.send_keys("n")
    assert facts(driver)["error"].startswith("1 of ")
    click(driver, "#previous")
    assert facts(driver)["error"].startswith(f"{len(wanted)} of ")


def test_a_click_tells_score_iou_and_kind(opened, run):
    """Each click lies within a detection that overlaps no other; what is said is what errors.csv says."""
    driver = opened(run, "image=1&a=setting1/mask_r50&on=a")
    folder = run / "cells/setting1/mask_r50/seed0"
    predictions = json.loads((folder / "predictions.json").read_text())
    masks = {at: coco_mask.decode(row["segmentation"]) for at, row in enumerate(predictions) if row["image_id"] == 1}
    total = sum(masks.values())
    with (folder / "errors.csv").open(newline="") as file:
        rows = {int(row["detection"]): row for row in csv.DictReader(file) if row["what"] == "detection"}
    tried = 0
    for at, mask in masks.items():
        places = np.argwhere((mask == 1) & (total == 1))
        if len(places) < 40 or tried == 6:
            continue
        y, x = places[len(places) // 2]
        driver.execute_script(
            "const [x, y] = arguments; const canvas = document.getElementById('canvas');"
            "canvas.scrollIntoView({block: 'center'}); const box = canvas.getBoundingClientRect();"
            "const side = Math.min(box.width, box.height);"
            "const place = {clientX: box.left + box.width / 2 + (x - 80) * side / 160,"
            "  clientY: box.top + box.height / 2 + (y - 80) * side / 160, pointerId: 1, bubbles: true};"
            "canvas.setPointerCapture = () => {};"
            "for (const name of ['pointerdown', 'pointerup']) canvas.dispatchEvent(new PointerEvent(name, place));",
            float(x) + 0.5,
            float(y) + 0.5,
        )
        found = facts(driver)
        assert found["mask_r50, setting 1"] == f"detection {at}: {rows[at]['kind']}"
        assert float(found["score"]) == pytest.approx(float(rows[at]["score"]), abs=6e-5)
        if rows[at]["nucleus"]:
            assert found["IoU"] == f"IoU {float(rows[at]['iou']):.3f} with nucleus {rows[at]['nucleus']}"
        assert found["size"].startswith(f"{rows[at]['area']} px²")
        tried += 1
    assert tried == 6


def test_a_view_can_be_sent(opened, run):
    driver = opened(run, "image=2&a=setting1/mask_x101&b=setting2/mask_r50&on=tab")
    driver.find_element(ID, "canvas").send_keys("n", "+")
    address = wait(driver, "return location.hash.includes('chosen') && location.hash")
    before = facts(driver)
    pixels = driver.execute_script("return document.getElementById('canvas').toDataURL()")
    opened(run, address[1:])
    again = facts(driver)
    assert again == {key: value for key, value in before.items() if key != "error"}
    same_picture = f"return document.getElementById('canvas').toDataURL() === {json.dumps(pixels)}"
    assert wait(driver, same_picture)


def test_a_row_leads_to_its_cell(opened, run):
    driver = opened(run)
    click(driver, '[data-name="table2"] tr[data-cell="setting2/mask_x101"] td:nth-child(3)')
    wait(driver, "return document.getElementById('cell').open")
    text = driver.find_element(ID, "cell").text
    folder = run / "cells/setting2/mask_x101/seed0"
    choice = json.loads((folder / "checkpoint.json").read_text())
    assert "mask_x101, setting 2" in text
    assert f"Epoch {choice['epoch']}" in text
    assert "a" * 64 in text
    pre = driver.execute_script("return document.querySelector('#cell pre').textContent")
    assert pre == (folder / "config.py").read_text()
    assert len(driver.find_elements(CSS, "#cell svg.chart")) == 2
    keep(driver, "cell")
    driver.find_element(ID, "cell").send_keys(ESCAPE)
    wait(driver, "return !document.getElementById('cell').open")
    opened(run, "cell=setting1/mask_r50")
    wait(driver, "return document.getElementById('cell').open")
    assert "mask_r50, setting 1" in driver.find_element(ID, "cell").text


def file_of(saved, name):
    """Content of a file once the browser has saved it."""
    path = saved / name
    for _ in range(100):
        if path.is_file():
            break
        time.sleep(0.05)
    text = path.read_bytes().decode()
    path.unlink()
    return text


def raster(geometry, side=160):
    """The pixels inside a geometry of GeoJSON, by pycocotools: rings by parity."""
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    rings = [[value for corner in ring for value in corner] for polygon in polygons for ring in polygon]
    return sum(coco_mask.decode(coco_mask.frPyObjects([ring], side, side))[..., 0] for ring in rings) % 2


def test_files_are_made_in_the_page(opened, run, saved):
    driver = opened(run, "image=1&a=setting1/mask_r50&on=ta")
    click(driver, '[data-download="table1"]')
    found = list(csv.DictReader(io.StringIO(file_of(saved, "table1.csv"))))
    for row, known in zip(found, table(run, "table1"), strict=True):
        assert row["mAP"] == known["mAP"]  # with all digits
    name = Path(json.loads((run / "data/coco/test.json").read_text())["images"][0]["file_name"]).stem
    click(driver, "#nuclei-csv")
    rows = list(csv.DictReader(io.StringIO(file_of(saved, f"{name}.nuclei.csv"))))
    with (run / "cells/setting1/mask_r50/seed0/errors.csv").open(newline="") as file:
        known = [row for row in csv.DictReader(file) if row["image_id"] == "1"]
    assert [(row["kind"], row["area"]) for row in rows] == [(row["kind"], row["area"]) for row in known]
    click(driver, "#nuclei-geojson")
    features = json.loads(file_of(saved, f"{name}.geojson"))["features"]
    truth = json.loads((run / "data/coco/test.json").read_text())["annotations"]
    masks = [row["segmentation"] for row in truth if row["image_id"] == 1]
    predictions = json.loads((run / "cells/setting1/mask_r50/seed0/predictions.json").read_text())
    masks += [predictions[int(row["detection"])]["segmentation"] for row in known if row["what"] == "detection"]
    assert len(features) == len(masks)
    for feature, mask in zip(features, masks, strict=True):
        assert np.array_equal(raster(feature["geometry"]), coco_mask.decode(mask))
        assert shapely.geometry.shape(feature["geometry"]).area == coco_mask.area(mask)


@pytest.mark.skipif(AXE is None, reason="axe-core is not in .venv/tools; make test-browser installs it")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_axe_finds_nothing_serious(opened, run, scheme, size):
    driver = opened(run)
    resize(driver, *size)
    colours(driver, scheme)
    driver.execute_script(AXE.read_text(encoding="utf-8"))
    for part in ("", "cell"):
        if part:
            driver.execute_script("location.hash = 'cell=setting1/mask_r50'")
            wait(driver, "return document.getElementById('cell').open")
        found = driver.execute_async_script("const done = arguments[0]; axe.run().then(done)")
        wrong = [(one["id"], one["impact"], one["nodes"][0]["html"][:120]) for one in found["violations"]]
        assert wrong == [], part
        assert len(found["passes"]) > 15
    resize(driver, *WIDE)
    colours(driver, "light")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_page_fits_the_window(opened, run, scheme, size):
    driver = opened(run, "image=1&a=setting1/mask_r50&on=ta")
    resize(driver, *size)
    colours(driver, scheme)
    for part in ("found", "tables", "view", "figures", "full", "cells"):
        driver.execute_script(f"document.getElementById('{part}').scrollIntoView()")
        wide = driver.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
        assert wide[0] <= wide[1], part
        wait(
            driver, "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
        )
        keep(driver, f"{part}-{size[0]}-{scheme}")
    back = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") == (scheme == "light")
    resize(driver, *WIDE)
    colours(driver, "light")


def test_keys_reach_everything(opened, run):
    """Every control has a name, and Tab comes to all of them."""
    driver = opened(run)
    script = """return [...document.querySelectorAll('button, select, input, a[href], canvas, [tabindex]')]
      .filter((element) => element.checkVisibility() && element.tabIndex >= 0).length"""
    wanted = driver.execute_script(script)
    driver.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
    for _ in range(wanted):
        driver.switch_to.active_element.send_keys(TAB)
        driver.execute_script("document.activeElement.dataset.reached = '1'")
    reached = driver.execute_script("return document.querySelectorAll('[data-reached]').length")
    assert reached >= wanted - 1


def test_a_run_without_scores_beyond_ap(opened, plain_run):
    driver = opened(plain_run)
    text = driver.find_element(CSS, "main section").text
    assert "scoring.instances is false" in text
    assert "95 % interval" not in shown(driver, "table1")[0]
    driver.find_element(ID, "canvas").send_keys("n")
    assert facts(driver)["error"].endswith("missed")


def test_a_run_without_test_masks(opened, unmasked_run):
    driver = opened(unmasked_run)
    assert "no test masks" in driver.find_element(CSS, "main section").text
    assert driver.find_elements(ID, "on-t") == []
    assert driver.execute_script("return document.getElementById('canvas').dataset.drawn") == "1:a"
    driver.find_element(ID, "canvas").send_keys("n", ENTER)
    keep(driver, "without-masks")


@needs_real_data
def test_twelve_cells_on_six_real_images_fit_into_8_mb(opened, published_run):
    driver = opened(published_run)
    size = (published_run / "report.html").stat().st_size
    first = int(driver.execute_script("return document.documentElement.dataset.ready"))
    print(f"\npublished submissions: {size / 1e6:.2f} MB, first contours after {first} ms")
    assert size <= 8_000_000
    keep(driver, "published-top")
    driver.execute_script("document.getElementById('view').scrollIntoView()")
    keep(driver, "published-viewer")
    driver.find_element(ID, "canvas").send_keys("n")
    keep(driver, "published-error")
