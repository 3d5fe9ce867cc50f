"""make_ensembles_table.py: its numbers, and what it refuses."""

import csv
import json

import pytest
from support.cell_files import make_cell

from nuclei.scoring.names import NAMES


def ensembles_table(stage, run, ensembles, *settings, arguments=()):
    """Run the stage; later arguments go before earlier ones."""
    scores = [run / f"ensembles/setting{setting}/{name}/scores.json" for setting in settings for name in ensembles]
    choices = [
        run / f"cells/setting{setting}/{member}/checkpoint.json"
        for setting in settings
        for members in ensembles.values()
        for member in members
    ]
    return stage(
        *("make_ensembles_table", "--settings", *settings, "--ensembles", json.dumps(ensembles)),
        *("--scores", *scores, "--choices", *choices, "--data-note", "drawn", "--out-dir", run / "tables"),
        *arguments,
    )


def make_ensemble(run, setting, name, value, scored=True):
    """Write scores.json of an ensemble."""
    folder = make_cell(run, setting, f"of_{name}", 0, value, 1, scored)
    (run / "ensembles" / f"setting{setting}").mkdir(parents=True, exist_ok=True)
    folder.rename(run / f"ensembles/setting{setting}/{name}")


def test_table(stage, tmp_path):
    for setting in (1, 2):
        make_cell(tmp_path, setting, "mask_r50", 0, 0.1, 7 * setting)
        make_cell(tmp_path, setting, "pointrend_r50", 1, 0.2, 5)
        make_ensemble(tmp_path, setting, "two", 0.21 + setting / 10)
    members = ["mask_r50/seed0", "pointrend_r50/seed1"]
    done = ensembles_table(stage, tmp_path, {"two": members}, 1, 2)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "tables/ensembles.csv").open()))
    texts = [[row[key] for key in ("ensemble", "setting", "members", "epochs")] for row in rows]
    assert texts == [["two", "1", ", ".join(members), "7, 5"], ["two", "2", ", ".join(members), "14, 5"]]
    assert [float(row["mAP"]) for row in rows] == pytest.approx([0.31, 0.41])
    assert float(rows[1]["AP75 @1000"]) == pytest.approx(0.41 + NAMES.index("ap75_1000") / 100)
    text = (tmp_path / "tables/ensembles.md").read_text()
    assert "- drawn\n" in text and "- 6 test images, 2360 nuclei\n" in text and "| 0.4100 |" in text


def test_table_without_test_masks_and_without_a_member(stage, tmp_path):
    make_cell(tmp_path, 1, "mask_r50", 0, 0.1, 7, scored=False)
    make_ensemble(tmp_path, 1, "two", 0.2, scored=False)
    done = ensembles_table(stage, tmp_path, {"two": ["mask_r50/seed0", "mask_r50/seed0"]}, 1)
    assert done.returncode == 0, done.stderr
    assert next(csv.DictReader((tmp_path / "tables/ensembles.csv").open()))["mAP"] == "not scored"
    done = ensembles_table(stage, tmp_path, {"two": ["mask_r50/seed0", "mask_r50/seed1"]}, 1)
    wanted = tmp_path / "cells/setting1/mask_r50/seed1/checkpoint.json"
    assert done.returncode == 2 and done.stderr.startswith(f"error: {wanted}: ")


def test_a_table_holds_scores_on_the_same_images_alone(stage, tmp_path):
    make_cell(tmp_path, 1, "mask_r50", 0, 0.1, 7)
    for name in ("one", "other"):
        make_ensemble(tmp_path, 1, name, 0.2)
    scores = tmp_path / "ensembles/setting1/other/scores.json"
    scores.write_text(scores.read_text().replace("2360", "2361"))
    done = ensembles_table(stage, tmp_path, dict.fromkeys(["one", "other"], ["mask_r50/seed0"] * 2), 1)
    assert done.returncode == 2 and done.stderr.startswith(f"error: {scores}: ")
    assert not (tmp_path / "tables").exists()


def test_each_ensemble_and_each_member_gives_one_file(stage, tmp_path):
    choice = make_cell(tmp_path, 1, "mask_r50", 0, 0.1, 7) / "checkpoint.json"
    make_ensemble(tmp_path, 1, "one", 0.2)
    scores = tmp_path / "ensembles/setting1/one/scores.json"
    given = ["--scores", scores, scores, "--choices", choice]
    done = ensembles_table(stage, tmp_path, {"one": ["mask_r50/seed0"] * 2}, 1, arguments=given)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: --scores: 2 files found, wanted 1: one for each setting and ensemble, in their order",
        "error: --choices: 1 files found, wanted 2: one for each setting, ensemble and member, in their order",
    ]
    assert not (tmp_path / "tables").exists()
