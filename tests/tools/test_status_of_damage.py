"""How far a run is, where its files have other content than a run writes."""

import json
import shutil
from pathlib import Path

import pytest

from nuclei.report.run_status import last_line, run_status
from nuclei.report.snakemake_log import failures
from nuclei.report.status_text import state_text


@pytest.fixture
def cell(tmp_path, made_run, monkeypatch):
    """Folder of the first cell of a finished run `r`."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made_run, "results/r")
    assert run_status("r").finished
    return Path("results/r/cells/setting1", run_status("r").cells[0].model, "seed0")


@pytest.mark.parametrize("damage", [{"epochs": None}, {"epochs": "3"}, {"wall_seconds": "x"}])
def test_a_record_of_other_content_is_no_training(cell, damage):
    record = json.loads((cell / "training.json").read_text()) | damage
    (cell / "training.json").write_text(json.dumps(record))
    found = run_status("r")
    assert (found.cells[0].state, found.finished) == ("waiting", False)


@pytest.mark.parametrize("score", ['"x"', "NaN", "[]"])
def test_a_score_that_is_no_number_is_none(cell, score):
    (cell / "scores.json").write_text(f'{{"map_report": {score}}}')
    found = run_status("r")
    assert (state_text(found.cells[0]), found.finished) == ("done, not scored", False)


@pytest.mark.parametrize("files", [[], 3, {"cells/setting1/{}/seed0/scores.json": 3}])
def test_a_manifest_of_other_content_finishes_nothing(cell, files):
    if isinstance(files, dict):
        files = {path.format(cell.parent.name): value for path, value in files.items()}
    Path("results/r/manifest.json").write_text(json.dumps({"files": files}))
    assert not run_status("r").finished


def test_other_folders_and_files_are_no_cells_and_no_epochs(cell):
    count = len(run_status("r").cells)
    shutil.copytree(cell, cell.with_name("seed0.bak"))
    (cell / "training.json").unlink()
    work = Path("work/r", *cell.parts[2:], "ab" * 8)
    work.mkdir(parents=True)
    for name in ("epoch_x.pth", "epoch_.pth", "epoch_2.pth"):
        (work / name).touch()
    found = run_status("r")
    assert len(found.cells) == count
    assert (found.cells[0].state, found.cells[0].epoch) == ("waiting", 2)


def test_an_impossible_time_in_snakemakes_log_ends_nothing(tmp_path):
    log = tmp_path / "log"
    log.write_text("[Fri Foo 27 25:99:53 2026]\nError in rule train:\n    jobid: 3\n    log: a.log\n")
    assert [(one.rule, one.log, one.time) for one in failures(log)] == [("train", "a.log", 0.0)]


def test_the_last_line_is_short_and_leaves_the_terminal_as_it_is(tmp_path):
    log = tmp_path / "log"
    log.write_text("\x1b[2J\x1b[31merror: \tü" + "W" * 5000 + "\n")
    line = last_line(log)
    assert line.startswith("[2J [31merror:  üW")
    assert len(line) == 300 and line.isprintable() and line.endswith("…")
