"""The report page: whole, self-contained, escaped."""

import base64
import csv
import re

import pytest

from nuclei.common.stage import InputError
from nuclei.report.page import CELL_KEYS, render
from nuclei.report.table_files import write_table

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=")


@pytest.fixture
def run(tmp_path):
    for folder in ("tables", "data", "figures/overlays"):
        (tmp_path / folder).mkdir(parents=True)
    row = {"model": "mask & co", "backbone": "r50", "multiscale": "yes", "lr schd": "3x", "mAP": 0.23101}
    for table in (1, 2):
        write_table([row], tmp_path / f"tables/table{table}", f"Table {table}", ["note <one>"])
        write_table([row], tmp_path / f"tables/table{table}_full", f"Full {table}", ["AP @1000"])
        (tmp_path / f"figures/curves_setting{table}.png").write_bytes(PIXEL)
    (tmp_path / "figures/overlays/setting1.mask_r50.seed0.jpg").write_bytes(PIXEL)
    (tmp_path / "data/raw.md").write_text("# Raw data\n\n| a | b |\n|---|---|\n| 14598 | 2360 |\n")
    (tmp_path / "data/conversion_loss.md").write_text("mean IoU **0.846**\n")
    cell = dict.fromkeys(CELL_KEYS, "1") | {"config_sha256": "ab" * 32, "map_report": "0.23101234", "folder": "x<y"}
    with (tmp_path / "tables/cells.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, CELL_KEYS)
        writer.writeheader()
        writer.writerow(cell)
    return tmp_path


def test_everything_stands_on_one_page_without_outside_files(run):
    page = render(run, "Run a & b", "Drawn <data>")
    for text in (
        "Run a &amp; b",
        "Drawn &lt;data&gt;",
        "mask &amp; co",
        "note &lt;one&gt;",
        "x&lt;y",
        "0.2310",
        "Full 2",
    ):
        assert text in page
    assert "<td>14598</td>" in page
    assert "<strong>0.846</strong>" in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    images = [source for source in sources if not source.startswith("#")]
    assert [base64.b64decode(source.partition("base64,")[2]) for source in images] == [PIXEL] * 3
    assert all(source.startswith("data:image/") for source in images)
    assert not re.search(r"<script|<link|@import|url\(", page)
    for anchor in [source[1:] for source in sources if source.startswith("#")]:
        assert f'id="{anchor}"' in page
    assert page.index("Table 1") < page.index("Table 2") < page.index("Full 1")


def test_only_what_belongs_to_the_run_is_shown(run):
    write_table([{"model": "gone"}], run / "tables/explored", "Explored", [])
    kept = [str(run / name) for name in ("tables/table1.html", "figures/curves_setting1.png")]
    assert "Explored" in render(run, "t", "")
    page = render(run, "t", "", kept)
    shown = [name for name in ("Table 1", "Table 2", "Full 1", "Explored") if name in page]
    assert (shown, page.count("data:image")) == (["Table 1"], 1)


def test_provenance_is_cut_to_what_a_page_shows(run):
    page = render(run, "t", "")
    assert "<td>0.2310</td>" in page
    assert "<td>abababababab</td>" in page
    assert 'class="note"' not in page


def test_all_missing_parts_are_named(run):
    (run / "data/raw.md").unlink()
    (run / "tables/cells.csv").unlink()
    with pytest.raises(InputError) as caught:
        render(run, "t", "")
    assert [line.split(": ")[0].rsplit("/", 1)[1] for line in caught.value.problems] == ["cells.csv", "raw.md"]


def test_command(stage, run):
    done = stage("make_report", "--run-dir", run, "--title", "A", "--data-note", "B", "--out", run / "report.html")
    assert done.returncode == 0, done.stderr
    assert (run / "report.html").read_text() == render(run, "A", "B")
