"""The check of a run folder: each kind of damage is found and named, and nothing else."""

import csv
import json
import shutil
import subprocess
import sys
import zipfile

import pytest
from conftest import ROOT
from support.run_folder import CONFIG, put, written
from verify_run import check_data, not_kept, same, verify

from nuclei.common.stage import InputError
from nuclei.workflow.manifest import environment

FITS = {"missing": [], "changed": [], "extra": [], "contradicting": []}


HERE = environment()  # worked out once: it reads every package's metadata


@pytest.fixture
def run(made_run, tmp_path, monkeypatch):
    """A copy that a test may damage, elsewhere."""
    monkeypatch.setattr("nuclei.workflow.manifest.environment", lambda: HERE)
    shutil.copytree(made_run, tmp_path / "moved")
    return tmp_path / "moved"


def deviations(run, strict=False):
    """{kind: paths named first in its lines} of what does not fit."""
    lines, _, _ = verify(run, strict)
    return {kind: [line.split(": ")[0] for line in found] for kind, found in lines.items() if found}


def test_an_untouched_folder_fits_wherever_it_lies(run):
    assert verify(run, strict=True) == (FITS, {}, 58)


@pytest.mark.parametrize("run", sorted(file.parent.name for file in (ROOT / "results").glob("20*/manifest.json")))
def test_the_results_that_git_keeps_fit(run, tmp_path):
    """Of a folder's files those alone that are tracked: a file that git ignores is missing for everybody else."""
    command = ["git", "ls-files", "-z", f"results/{run}"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    assert verify(tmp_path / "results" / run)[0] == FITS


def test_command_line_needs_the_standard_library_alone(run):
    def check(*arguments):
        command = [sys.executable, "-S", "-E", ROOT / "tools/verify_run.py", *arguments]  # -S: no installed packages
        done = subprocess.run(command, capture_output=True, text=True, cwd=run.parent)
        return done.returncode, done.stdout.splitlines(), done.stderr

    summary = "moved: {} files fit, {} missing, 0 changed, {} extra, 0 contradicting, {} not kept here"
    assert check("moved") == (0, [summary.format(58, 0, 0, 0)], "")
    (run / "cells/setting1/mask_r50/seed0/checkpoint.pth").unlink()
    (run / "notes.txt").write_text("")
    code, lines, _ = check("moved")
    assert (code, lines[1:]) == (1, ["not kept here: 1 files *.pth", summary.format(57, 0, 1, 1)])
    assert lines[0] == "extra: notes.txt: found, wanted no such file; remove it or run the pipeline again"
    (run / "notes.txt").unlink()
    assert check("moved")[0] == 0
    code, lines, _ = check("moved", "--strict")
    assert (code, lines[1:]) == (1, [summary.format(57, 1, 0, 0)])
    assert lines[0].startswith("missing: cells/setting1/mask_r50/seed0/checkpoint.pth: not found, wanted 11 bytes;")
    (run / "manifest.json").unlink()
    assert check("moved")[0] == 2
    assert check("moved")[2].startswith("error: moved/manifest.json: cannot be read (No such file or directory)")


def test_missing_changed_and_extra_files(run):
    cell = "cells/setting1/mask_r50/seed0"
    (run / cell / "epochs.tsv").unlink()
    (run / "tables/table1.md").write_text("|mAP|")
    put(run / "cells/setting1/mask_r50/seed7/scores.json", {})
    put(run / "logs/more.log", "")
    put(run / cell / ".checkpoints.new/epoch_1.pth", "")
    assert deviations(run) == {
        "missing": [f"{cell}/epochs.tsv"],
        "changed": ["tables/table1.md"],
        "extra": ["cells/setting1/mask_r50/seed7/scores.json"],
    }


def test_bulky_results_may_be_absent_all_together_alone():
    recorded = [f"cells/s/{name}/{file}" for name in "ab" for file in ("predictions.json", "x.pth", "scores.json")]
    everything = not_kept(recorded, recorded)
    assert everything == {
        "cells/s/a/predictions.json": "cells/*/predictions.json",
        "cells/s/b/predictions.json": "cells/*/predictions.json",
        "cells/s/a/x.pth": "*.pth",
        "cells/s/b/x.pth": "*.pth",
    }
    assert not_kept(recorded, recorded[:3]) == {"cells/s/a/x.pth": "*.pth"}


def test_one_lost_prediction_is_missing(run):
    name = "cells/setting1/mask_r50/seed0/predictions.json"
    (run / name).unlink()
    assert deviations(run) == {"missing": [name]}
    for path in run.glob("cells/*/*/*/predictions.json"):
        path.unlink()
    assert verify(run) == (FITS, {"cells/*/predictions.json": 4}, 54)
    assert len(deviations(run, strict=True)["missing"]) == 4


def rewrite(run, name, **change):
    """Change keys of a cell's JSON file and record it in the manifest, as if it had always been so."""
    path = run / name
    put(path, json.loads(path.read_text()) | change)
    record(run)


def record(run):
    put(run / "manifest.json", written(run))


CELL = "cells/setting1/mask_r50/seed0"


@pytest.mark.parametrize(
    ("name", "change", "wanted"),
    [
        ("checkpoint.json", {"value": 0.3}, [f"{CELL}/checkpoint.json", "tables/cells.csv"]),
        ("checkpoint.json", {"policy": "last"}, ["tables/cells.csv"]),
        (
            "checkpoint.json",
            {"sha256": "0" * 64},
            [f"{CELL}/checkpoint.pth", f"{CELL}/checkpoints/epoch_3.pth", "tables/cells.csv"],
        ),
        ("training.json", {"config_sha256": "0" * 64}, [f"{CELL}/config.py", "tables/cells.csv"]),
        (
            "training.json",
            {"data_sha256": "0" * 64},
            [f"{CELL}/training.json", "tables/cells.csv"],
        ),
        ("scores.json", {"map_report": 0.21}, ["tables/cells.csv", "tables/table1.csv", "tables/table1.csv"]),
        ("scores.json", {"ap75_1000": 0.5}, ["tables/cells.csv", "tables/table1_full.csv", "tables/table1_full.csv"]),
        ("scores.json", {"nuclei": 2359}, ["tables/cells.csv"]),
    ],
)
def test_numbers_and_hashes_that_contradict_each_other(run, name, change, wanted):
    rewrite(run, f"{CELL}/{name}", **change)
    assert deviations(run) == {"contradicting": wanted}


def test_absent_weights_are_compared_by_their_recorded_hash(run):
    for path in run.rglob("*.pth"):
        path.unlink()
    assert deviations(run) == {}
    path = run / CELL / "checkpoint.json"
    put(path, json.loads(path.read_text()) | {"sha256": "0" * 64})
    found = deviations(run)
    assert found["contradicting"][:2] == [f"{CELL}/checkpoint.pth", f"{CELL}/checkpoints/epoch_3.pth"]


def edit(run, name, change):
    """Apply `change` to the rows of a table and record it."""
    rows = list(csv.DictReader((run / name).open()))
    change(rows)
    with (run / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    record(run)


@pytest.mark.parametrize(
    ("name", "change", "wanted"),
    [
        ("table1", lambda rows: rows[1].update({"mAP": "0.9"}), "found mAP of cascade_r50 0.9, wanted 0.3714285714"),
        ("table1", lambda rows: rows[0].update({"mAP sd": "0.9"}), "found mAP sd of mask_r50 0.9, wanted 0.1010152544"),
        ("table1", lambda rows: rows[0].update({"epoch": "3, 4"}), "found epoch of mask_r50 3, 4, wanted 3, 3"),
        ("table1", lambda rows: rows.pop(), "found rows 1, wanted 2"),
        ("table1_full", lambda rows: rows[0].update({"AP75 @1000": "not scored"}), "AP75 @1000 of mask_r50 not scored"),
        ("cells", lambda rows: rows[2].update({"ap_100": ""}), "found ap_100 of cells/setting1/cascade_r50/seed0 ,"),
        ("cells", lambda rows: rows.pop(), "found cells "),
        ("ensembles", lambda rows: rows[0].update({"mAP": "0.9"}), "mAP of ensembles/setting1/two 0.9, wanted 0.4 as"),
        ("ensembles", lambda rows: rows.append(rows[0]), "found rows 2, wanted 1"),
    ],
)
def test_table_numbers_are_worked_out_again(run, name, change, wanted):
    edit(run, f"tables/{name}.csv", change)
    (line,) = verify(run)[0]["contradicting"]
    assert line.startswith(f"tables/{name}.csv: ")
    assert wanted in line


@pytest.mark.parametrize("folder", [CELL, "ensembles/setting1/two"])
def test_a_zip_with_another_answer(run, folder):
    with zipfile.ZipFile(run / folder / "answer.zip", "w") as file:
        file.writestr("answer.json", "[1]")
    record(run)
    assert deviations(run) == {"contradicting": [f"{folder}/answer.zip"]}
    (run / folder / "answer.zip").write_text("no zip")
    record(run)
    assert "no zip that can be read" in verify(run)[0]["contradicting"][0]


def test_a_manifest_that_contradicts_itself_or_is_none(run):
    found = json.loads((run / "manifest.json").read_text())
    put(run / "manifest.json", found | {"config": CONFIG | {"raw": {}}, "data": {"sha256": "0"}})
    assert deviations(run) == {"contradicting": ["manifest.json", "manifest.json"]}
    cells = found["cells"] | {CELL: found["cells"][CELL] | {"device": "H100"}}
    put(run / "manifest.json", found | {"cells": cells})
    assert deviations(run) == {"contradicting": [f"{CELL}/training.json"]}
    for bad in ([], {}, found | {"files": {"../x": {"sha256": "", "size": 1}}}, found | {"files": {"x": {}}}):
        put(run / "manifest.json", bad)
        with pytest.raises(
            InputError, match="manifest.json: found no manifest .*, wanted what write_manifest.py writes"
        ):
            verify(run)


def test_damaged_files_are_one_line_and_no_crash(run):
    (run / CELL / "scores.json").write_text("{")
    (run / CELL / "training.json").write_text("[]")
    found = verify(run)[0]
    assert [line.split(": ")[0] for line in found["changed"]] == [f"{CELL}/scores.json", f"{CELL}/training.json"]
    assert len(found["contradicting"]) == 2


def test_cells_of_a_setting_share_their_data(run):
    """The one that differs from most is named, wherever it stands; a whole setting may have data of its own."""
    cells = {f"cells/setting{n}/{model}/seed0": {"data_sha256": n * "a"} for n in (1, 2) for model in "xyz"}
    assert list(check_data(cells)) == []
    cells["cells/setting2/x/seed0"] = {"data_sha256": "b"}
    (line,) = check_data(cells)
    assert line.startswith(
        "cells/setting2/x/seed0/training.json: found data_sha256 b, wanted aa as in cells/setting2/y/"
    )


def test_results_of_a_cell_that_the_run_no_longer_has_are_called_so(run):
    gone = "cells/setting1/mask_x101/seed0"
    shutil.copytree(run / CELL, run / gone)
    put(run / "figures/overlays/setting1.mask_x101.seed0.jpg", "")
    put(run / "figures/overlays/setting1.mask_r50.seed1.jpg", "")  # of a cell that the run has
    lines = verify(run)[0]["extra"]
    own = [line for line in lines if f"because the run's last config did not name {gone}; " in line]
    assert (len(own), len(lines)) == (10 + 1, 10 + 1 + 1)
    assert "figures/overlays/setting1.mask_r50.seed1.jpg: found, wanted no such file; remove it or" in "".join(lines)


def test_numbers_of_a_table_are_the_same_up_to_rounding():
    assert same("0.30000000000000004", 0.3)
    assert not same("0.3001", 0.3)
    assert same("", None)
    assert not same("", 0.0)
    assert not same("0.0", None)
    assert not same("x", 1)
