"""tools/draw_pictures.py: the tables of a run as a picture, whole, with heads that stand apart."""

import sys

import pytest
from conftest import ROOT
from PIL import Image

from nuclei.common.stage import InputError
from nuclei.report.page import WEB
from nuclei.report.table_files import write_table

pytest_plugins = ["browser.pages"]
pytestmark = pytest.mark.browser
sys.path.insert(0, str(ROOT / "tools"))


def make_run(run, notes):
    """Tables 1 and 2 of a run, and a page with the styles of the report page."""
    row = {"model": "mask", "backbone": "r50", "multiscale": "yes", "lr schd": "3x", "epoch": "3", "mAP": "0.7219 *"}
    for number in (1, 2):
        write_table([row] * 6, f"{run}/tables/table{number}", f"Table {number}", ["A note of some words."] * notes)
    style = (WEB / "page.css").read_text(encoding="utf-8")
    (run / "report.html").write_text(f"<style>{style}</style>", encoding="utf-8")
    return run


def test_the_picture_of_the_tables_is_whole_and_no_larger(tmp_path, monkeypatch):
    import draw_pictures

    heights = []
    for notes in (1, 21):
        run = make_run(tmp_path / str(notes), notes)
        draw_pictures.draw_tables(run, tmp_path / "tables.png")
        with Image.open(tmp_path / "tables.png") as picture:
            heights.append(picture.height)
            rows = [
                set(picture.convert("RGB").crop((0, y, picture.width, y + 1)).getdata()) for y in range(picture.height)
            ]
        assert all(len(row) == 1 for row in rows[-16:]) and len(rows[-17]) > 1
    assert heights[1] - heights[0] > 20 * 20  # twenty lines more
    monkeypatch.setattr(draw_pictures, "TALL", heights[1] - 40)
    with pytest.raises(InputError, match=r"content down to \d+ of \d+ px found, wanted all of it"):
        draw_pictures.draw_tables(run, tmp_path / "tables.png")


def test_heads_of_the_columns_stand_apart(browser, tmp_path, monkeypatch):
    import draw_pictures

    page = tmp_path / "kept.html"
    monkeypatch.setattr(draw_pictures, "photograph", lambda source, *_: page.write_text(source.read_text()))
    monkeypatch.setattr(draw_pictures, "cut_bottom", lambda *_: None)
    draw_pictures.draw_tables(make_run(tmp_path / "run", 1), tmp_path / "tables.png")
    browser.get(page.as_uri())
    ends = browser.execute_script("""
      return [...document.querySelectorAll("table")].map((table) => [...table.tHead.rows[0].cells].map((head) => {
        const range = document.createRange();
        range.selectNodeContents(head);
        const box = range.getBoundingClientRect();
        return [box.left, box.right];
      }));""")
    assert [len(heads) for heads in ends] == [6, 6]
    for heads in ends:
        assert min(right[0] - left[1] for left, right in zip(heads, heads[1:], strict=False)) > 10
