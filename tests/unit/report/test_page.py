"""The report page: whole, self-contained, escaped."""

import base64
import html
import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.page_run import ALL
from support.report_parts import PIXEL, make_parts
from support.score_cases import SIDE

from nuclei.common.markdown import code, table_lines
from nuclei.common.stage import InputError
from nuclei.report.packed import unpack
from nuclei.report.page import SCRIPTS, WEB, render, rendered
from nuclei.report.table_files import write_table
from nuclei.scoring.comparisons import compare
from nuclei.scoring.instance_scores import measure


@pytest.fixture
def parts(tmp_path):
    """See support/report_parts.py."""
    return make_parts(tmp_path)


def test_everything_stands_on_one_page_without_outside_files(parts):
    page = render("results/<demo>", "Run a & b", "Drawn <data>", parts)
    for text in (
        "Run a &amp; b",
        "Drawn &lt;data&gt;",
        "results/&lt;demo&gt;",
        "mask &amp; co",
        "note &lt;one&gt;",
        "x&lt;y",
        "0.2310",
        "Full 2",
    ):
        assert text in page
    assert "<td>14598</td>" in page
    assert "<strong>0.846</strong>" in page
    sources = re.findall(r'\b(?:src|href)="([^"]*)"', page)
    images = [source for source in sources if source.startswith("data:image/")]
    assert [source for source in sources if not source.startswith(("data:", "#"))] == []
    assert [base64.b64decode(source.partition("base64,")[2]) for source in images][3:] == [PIXEL] * 2
    for image, number in zip(images, (1, 2, 3), strict=False):  # three test images, in the colours that they have
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(image.partition("base64,")[2]), np.uint8), 1)
        assert picture.shape == (SIDE, SIDE, 3)
        assert abs(picture.astype(int) - 30 * number).max() <= 2
    assert not re.search(r"@import|url\(|<script src|\bimport\(|fetch\(|XMLHttpRequest|WebSocket", page)
    policy = "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    assert f'http-equiv="Content-Security-Policy" content="{policy}' in page
    for anchor in [source[1:] for source in sources if re.fullmatch(r"#\w+", source)]:
        assert f'id="{anchor}"' in page
    assert page.index("Table 1") < page.index("Table 2") < page.index("Full 1")


def test_a_row_leads_to_its_cell_and_has_all_digits(parts):
    page = render("r", "t", "", parts)
    assert re.findall(r'<tr data-cell="([^"]+)"><th scope=row><a href="([^"]+)"', page)[:2] == [
        (f"setting{setting}/mask_r50", f"#cell=setting{setting}/mask_r50") for setting in (1, 2)
    ]
    assert page.count('<td data-value="0.2310123">0.2310</td>') == 2


def test_what_is_packed_is_what_the_files_hold(parts):
    page = render("r", "t", "", parts)
    packed = dict(re.findall(r'<script type="text/plain" id="packed:([^"]+)">([^<]*)</script>', page))
    assert len(packed) == 3 + 2 * 3 + 2
    truth = json.loads(Path(parts.ground_truth).read_text())
    rows = json.loads(Path(parts.cells.predictions[0]).read_text())
    for image in truth["images"]:
        nuclei = [row["id"] for row in truth["annotations"] if row["image_id"] == image["id"]]
        assert unpack(packed[f"truth/{image['id']}"])["nucleus"] == nuclei
        layer = unpack(packed[f"layer/setting1/mask_r50/{image['id']}"])
        own = [at for at, row in enumerate(rows) if row["image_id"] == image["id"]]
        assert sorted(layer["detection"]) == own
        assert layer["score"] == [round(rows[at]["score"], 4) for at in layer["detection"]]
        assert len(layer["true_kind"]) == len(nuclei)
    cell = unpack(packed["cell/setting2/mask_r50/seed0"])
    assert cell["config"] == Path(parts.cells.configs[1]).read_text()
    assert cell["training"]["config_sha256"] == "a" * 64


def test_no_text_of_the_data_ends_a_script(parts):
    """A name in the page's state, or a config, may hold what would end the script that it stands in."""
    truth = json.loads(Path(parts.ground_truth).read_text())
    old, new = truth["images"][0]["file_name"], "<script>alert(1)<_script>.png"
    truth["images"][0]["file_name"] = new
    Path(parts.ground_truth).write_text(json.dumps(truth))
    Path(parts.test_images, old).rename(Path(parts.test_images, new))
    Path(parts.cells.configs[0]).write_text("# </script><img src=x>")
    page = render("r<b>", "<img src=x>", "</script><script>alert(2)</script>", parts)
    assert "alert(1)<" not in page
    assert "alert(2)<" not in page
    assert "<img src=x>" not in page
    assert "r<b>" not in page
    assert len(re.findall("<script", page)) == len(re.findall("</script>", page)) == 11 + 2


def test_files_of_the_page_bring_no_end_of_their_element():
    for path in WEB.glob("*.js"):
        text = path.read_text(encoding="utf-8").lower()
        assert "</script" not in text, path
        assert "innerhtml" not in text, f"{path}: texts of the data would become HTML"
    assert "</style" not in (WEB / "page.css").read_text().lower()
    assert {path.stem for path in WEB.glob("*.js")} == set(SCRIPTS)


def test_without_test_masks_the_page_shows_what_was_found(tmp_path):
    page = render("r", "t", "", make_parts(tmp_path / "bare", masks=False))
    assert "There are no test masks, so nothing is scored" in page
    assert 'id="on-t"' not in page
    assert 'id="only-errors"' not in page
    assert "the 100 surest detections of the image" in page


def test_a_list_of_files_that_fits_no_cells_is_named(parts):
    few = replace(parts.cells, predictions=parts.cells.predictions[:1], logs=[])
    with pytest.raises(InputError) as caught:
        render("r", "t", "", replace(parts, cells=few))
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["--logs", "--predictions"]
    with pytest.raises(InputError, match="table1: 1 rows found, wanted 2"):
        render("r", "t", "", replace(parts, cells=replace(doubled(parts.cells), models=["mask_r50", "mask_x101"])))


def doubled(cells):
    """Cells of two models, the second with the files of the first."""
    twice = {
        key: [path for path in value for _ in (0, 1)]
        for key, value in vars(cells).items()
        if key[:2] not in ("se", "mo", "ex")
    }
    return replace(cells, **twice)


def test_two_seeds_have_pages_of_their_own_and_the_first_one_its_contours(parts):
    cells = replace(doubled(parts.cells), seeds=[0, 1], predictions=parts.cells.predictions, errors=parts.cells.errors)
    page = render("r", "t", "", replace(parts, cells=cells))
    names = re.findall(r'id="packed:([^"]+)"', page)
    assert [name for name in names if name.startswith("cell/")] == [
        f"cell/setting{setting}/mask_r50/seed{seed}" for setting in (1, 2) for seed in (0, 1)
    ]
    assert len([name for name in names if name.startswith("layer/")]) == 2 * 3


@pytest.mark.parametrize("name", ["trainings", "choices", "epochs", "logs", "scores", "predictions", "errors"])
@pytest.mark.parametrize(
    "text", ["", "[1]", "\x00\x01", "image_id,what,kind,nucleus,detection,iou,score\n1,detection,a,,9999,0,0\n"]
)
def test_damaged_files_of_a_cell_are_told_in_one_line_or_hold_nothing(parts, name, text):
    path = Path(getattr(parts.cells, name)[0])
    path.write_text(text)
    try:
        render("r", "t", "", parts)
    except InputError as error:
        assert all(str(path) in problem and "\n" not in problem for problem in error.problems)
    else:  # a table without a row, or a log without one
        assert name in ("epochs", "logs")


def test_only_what_is_given_is_shown_in_the_given_order(parts, tmp_path):
    write_table([{"model": "gone"}], tmp_path / "tables/shown", "Explored", [])
    path = str(tmp_path / "tables/shown")
    more = replace(parts, tables=[*parts.tables, f"{path}.html"], values=[*parts.values, f"{path}.csv"])
    page = render("r", "t", "", more)
    assert page.index("Table 1") < page.index("Table 2") < page.index("Explored") < page.index("Full 1")
    assert "Explored" not in render("r", "t", "", parts)
    fewer = replace(parts, tables=parts.tables[:1], values=parts.values[:1], full_tables=[], full_values=[], figures=[])
    page = render("r", "t", "", fewer)
    shown = [name for name in ("Table 1", "Table 2", "Full 1", "Explored") if name in page]
    assert (shown, page.count("data:image/png")) == (["Table 1"], 0)


def test_a_table_whose_subject_is_not_known_is_left_out(parts, tmp_path):
    for text, shown in (("not known", False), ("breast", True)):
        write_table([{"model": "", "organ": text}], tmp_path / "tables/organs", "Scores by organ", [])
        path = str(tmp_path / "tables/organs")
        full = {"full_tables": [*parts.full_tables, f"{path}.html"], "full_values": [*parts.full_values, f"{path}.csv"]}
        assert ("Scores by organ" in render("r", "t", "", replace(parts, **full))) == shown


def test_without_the_reports_findings_the_page_does_not_speak_of_the_report(parts, tmp_path):
    compared = make_comparisons(parts)
    nuclei = len(json.loads(Path(parts.ground_truth).read_text())["annotations"])
    page = render("r", "t", "", compared)
    read = html.unescape(re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL))
    assert re.findall(r".{9}(?:the report|board|competition|published).{9}", read) == []
    assert 'AP50 @100)"' in page and "the report" not in page.partition('<script type="module">')[2]
    found = re.findall(r'<p class="found">(.*?)</p>', page, re.DOTALL)
    assert [sentence.split()[0] for sentence in found] == ["Of", "The", "By"]
    assert "With one seed each row is one training" in " ".join(page.split())
    path = str(tmp_path / "tables/findings")
    write_table([{"finding": "3.1.1"}], path, "Findings", [])
    full = {"full_tables": [*parts.full_tables, f"{path}.html"], "full_values": [*parts.full_values, f"{path}.csv"]}
    page = render("r", "t", "", replace(compared, **full))
    found = re.findall(r'<p class="found">(.*?)</p>', page, re.DOTALL)
    assert [" ".join(sentence.split()[:3]) for sentence in found] == [
        "The highest mAP", f"Of the {nuclei}", "By scores that", "Of the report&#39;s"
    ]  # fmt: skip


def make_comparisons(parts):
    """The same parts with a comparisons.json of both cells."""
    truth = json.loads(Path(parts.ground_truth).read_text())
    statistics = {
        f"setting{setting}/mask_r50": [measure(truth, json.loads(Path(path).read_text()), ALL, {}).statistics]
        for setting, path in zip((1, 2), parts.cells.predictions, strict=True)
    }
    path = Path(parts.ground_truth).with_name("comparisons.json")
    path.write_text(json.dumps(compare(statistics)))
    return replace(parts, comparisons=str(path))


def test_provenance_is_cut_to_what_a_page_shows(parts):
    page = render("r", "t", "", parts)
    assert '<td data-value="0.23101234">0.2310</td>' in page
    assert f'<td data-value="{"ab" * 32}">abababababab</td>' in page
    assert 'class="note"' not in page.partition("<noscript>")[0]


def test_all_missing_parts_are_named(parts):
    missing = [parts.table_of_cells, parts.data, parts.full_tables[1], parts.cells.logs[0]]
    for path in missing:
        Path(path).unlink()
    with pytest.raises(InputError) as caught:
        render("r", "t", "", parts)
    assert caught.value.problems == [
        f"{path}: not found, wanted for the report; run the stages before it" for path in missing
    ]


LIVE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "a\n\n<div onclick=alert(1)>\n\nb\n\n</div>",
    "[a](javascript:alert(1))",
    "![a](http://example.org/a.png)",
    "[a][b]\n\n[b]: javascript:alert(1)",
    "[b]\n\n[b]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "<http://example.org>",
]


@pytest.mark.parametrize("text", LIVE)
def test_markdown_of_a_summary_brings_nothing_live(text):
    assert set(re.findall(r"<([^\s>/]+)", rendered(text))) <= {"p", "strong", "em", "code"}


@pytest.mark.parametrize(
    "text", [*LIVE, "a|b", "`|`", "\\|", "\\", "&lt;b&gt;", "*a*", "_a_", "a_b_c", "``", "~a~", "]["]
)
def test_text_of_a_cell_is_shown_as_it_is(text):
    page = rendered("\n".join(table_lines(["one", "two"], [[text, "end"]])))
    assert [html.unescape(cell) for cell in re.findall(r"<td>(.*?)</td>", page)] == [" ".join(text.splitlines()), "end"]
    shown = rendered(f"- {code(text)}")
    assert html.unescape(shown) == f"<ul>\n<li><code>{' '.join(text.splitlines())}</code></li>\n</ul>"
