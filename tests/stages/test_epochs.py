"""predict_epochs.py's bad input; score_epochs.py, compare_epochs.py and the findings; keys of their files."""

import csv
import json

import pytest
from support.pages import key_paths, unknown_key_paths
from support.score_cases import random_case

from nuclei.scoring.names import NAMES


def write_epochs(folder, scores):
    """epochs.tsv with the same value for every score of an epoch; scores: {epoch: value}."""
    lines = ["\t".join(["epoch", *NAMES, "kept"])]
    lines += ["\t".join([str(epoch), *[str(value)] * len(NAMES), "1"]) for epoch, value in scores.items()]
    (folder / "epochs.tsv").write_text("\n".join(lines) + "\n")


def test_lost_weights_are_named_before_any_work(stage, tmp_path):
    write_epochs(tmp_path, {1: 0.1, 2: 0.2, 3: 0.1})
    (tmp_path / "epoch_1.pth").touch()
    command = ["--config", "c.py", "--epochs", tmp_path / "epochs.tsv", "--checkpoints", tmp_path, "--out", "o.json"]
    done = stage("predict_epochs", *command, "--count", 3)
    assert done.returncode == 2
    assert [line.split(":")[1].split("/")[-1] for line in done.stderr.splitlines()] == ["epoch_2.pth", "epoch_3.pth"]
    done = stage("predict_epochs", *command, "--count", 0)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--count 0: wanted 1 or more" in done.stderr


@pytest.fixture
def cells(stage, tmp_path):
    """Folders of two settings with scored epochs, of which later ones find more nuclei of every image."""
    truth, _ = random_case(6, images=4)
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    right = [{**nucleus, "score": 0.5} for nucleus in truth["annotations"]]
    found = [{"epoch": epoch, "results": [row for row in right if row["id"] % 4 < epoch]} for epoch in (1, 2, 3, 4)]
    for setting, scores in ((1, (0.1, 0.2, 0.3, 0.4)), (2, (0.4, 0.3, 0.2, 0.1))):
        folder = tmp_path / str(setting)
        folder.mkdir()
        write_epochs(folder, dict(zip((1, 2, 3, 4), scores, strict=True)))
        (folder / "epoch_predictions.json").write_text(json.dumps(found))
        assert score(stage, tmp_path, folder).returncode == 0
    return tmp_path


def score(stage, case, folder):
    command = ["--ground-truth", case / "truth.json", "--predictions", folder / "epoch_predictions.json"]
    return stage("score_epochs", *command, "--epochs", folder / "epochs.tsv", "--out", folder / "epoch_scores.json")


def compare(stage, case):
    files = [case / str(setting) / "epoch_scores.json" for setting in (1, 2)]
    command = ["--settings", 1, 2, "--models", "mask_r50", "--seeds", 0, "--scores", *files]
    done = stage("compare_epochs", *command, "--out", case / "epoch_correlations.json")
    assert done.returncode == 0, done.stderr
    return json.loads((case / "epoch_correlations.json").read_text())


def test_the_files_and_the_finding(stage, cells):
    scores = json.loads((cells / "1/epoch_scores.json").read_text())
    assert unknown_key_paths(set(key_paths(scores, "")), "epoch_scores.json") == []
    found = compare(stage, cells)
    assert found["by_setting"]["1"]["ap_100"]["value"] == -found["by_setting"]["2"]["ap_100"]["value"] == 1
    assert found["images"] == 4
    content = {**found, "cells": {"cell": found["cells"]["setting1/mask_r50/seed0"]}}
    assert unknown_key_paths(set(key_paths(content)), "epoch_correlations.json") == []
    none = {"images": 4, "seeds": 1, "groups": {}, "pairs": []}
    (cells / "comparisons.json").write_text(json.dumps(none))
    command = ["--comparisons", cells / "comparisons.json", "--correlations", cells / "epoch_correlations.json"]
    done = stage("judge_findings", *command, "--out-dir", cells)
    assert done.returncode == 0, done.stderr
    with (cells / "findings.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["finding"] == "3.1.2"]
    assert [row["judgement"] for row in rows] == ["holds", "holds", "not measured", "not measured"]


def test_without_masks_and_with_other_files(stage, cells):
    truth = json.loads((cells / "truth.json").read_text())
    (cells / "truth.json").write_text(json.dumps({**truth, "annotations": []}))
    for setting in (1, 2):
        assert score(stage, cells, cells / str(setting)).returncode == 0
        assert json.loads((cells / f"{setting}/epoch_scores.json").read_text()) == []
    assert compare(stage, cells) == {"scored": False, "images": 0, "by_setting": {}, "cells": {}}
    write_epochs(cells / "1", {1: 0.1})
    done = score(stage, cells, cells / "1")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "wanted what predict_epochs.py writes" in done.stderr
