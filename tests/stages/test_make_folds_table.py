"""make_folds_table.py: each fold, and the means over the folds with intervals by Student's t."""

import csv
import json

import pytest
from conftest import ROOT
from scipy import stats
from support.cell_files import make_cell

MODELS, SEEDS, FOLDS = ["mask_x101", "mask_r50"], [0, 1], ["fold1", "fold2", "fold3"]


def value(fold, model, seed):
    """The score of a cell, drawn up so that each is another."""
    return 0.1 + 0.1 * FOLDS.index(fold) ** 2 + 0.03 * MODELS.index(model) + 0.01 * seed


@pytest.fixture
def made(stage, tmp_path):
    """The stage, run on the files of 12 cells; a function, which takes changes of its options."""
    for fold in FOLDS:
        (tmp_path / f"{fold}.json").write_text(json.dumps({"groups": [f"organ of {fold}"]}))
        for model in MODELS:
            for seed in SEEDS:
                score = value(fold, model, seed)
                folder = make_cell(tmp_path, "x", model, seed, score, 5 + seed)
                beyond = {"scored": True, "scores": {key: {"pooled": score / 2} for key in ("aji", "pq", "f1")}}
                (folder / "instance_scores.json").write_text(json.dumps(beyond))
        (tmp_path / "cells/settingx").rename(tmp_path / f"cells/{fold}")

    def run(*change, instances=True):
        def files(name):
            return [
                tmp_path / f"cells/{fold}/{model}/seed{seed}/{name}"
                for fold in FOLDS
                for model in MODELS
                for seed in SEEDS
            ]

        beyond = ["--instances", *files("instance_scores.json")] if instances else []
        return stage(
            *("make_folds_table", "--folds", *(tmp_path / f"{fold}.json" for fold in FOLDS), "--seeds", *SEEDS),
            *("--models", *MODELS, "--models-file", ROOT / "config/models.yaml", *beyond, "--data-note", "drawn"),
            *("--scores", *files("scores.json"), "--choices", *files("checkpoint.json")),
            *("--out-dir", tmp_path / "tables", *change),
        )

    return run


def rows(folder, name):
    return list(csv.DictReader((folder / f"tables/{name}.csv").open()))


def test_means_and_intervals_over_folds(made, tmp_path):
    done = made()
    assert done.returncode == 0, done.stderr
    found = rows(tmp_path, "folds")
    assert [row["backbone"] for row in found] == ["r50", "x101"]  # in the order of models.yaml
    for model, row in zip(reversed(MODELS), found, strict=True):
        scores = [sum(value(fold, model, seed) for seed in SEEDS) / 2 for fold in FOLDS]
        low, high = stats.t.interval(0.95, 2, sum(scores) / 3, stats.sem(scores))
        assert (float(row["mAP"]), float(row["mAP low"]), float(row["mAP high"])) == pytest.approx(
            (sum(scores) / 3, max(low, 0), min(high, 1))
        )
        assert float(row["AJI"]) == pytest.approx(sum(scores) / 6)
        assert row["folds"] == "3"
    text = (tmp_path / "tables/folds.md").read_text()
    assert "- drawn\n" in text and "18 images, 7080 nuclei" in text and "- seeds: 2; mean over the seeds\n" in text
    assert "no group of images is divided" in text


def test_each_fold_has_a_row(made, tmp_path):
    assert made().returncode == 0
    found = rows(tmp_path, "fold_scores")
    assert [(row["backbone"], row["fold"]) for row in found] == [(b, f) for b in ("r50", "x101") for f in "123"]
    assert found[4]["tests"] == "organ of fold2" and found[4]["epoch"] == "5, 6"
    wanted = sum(value("fold2", "mask_x101", seed) for seed in SEEDS) / 2
    assert float(found[4]["mAP"]) == pytest.approx(wanted)
    assert float(found[4]["PQ"]) == pytest.approx(wanted / 2)


def test_without_scores_beyond_ap_there_are_no_columns_of_them(made, tmp_path):
    assert made(instances=False).returncode == 0
    assert "AJI" not in rows(tmp_path, "folds")[0] and "AJI" not in (tmp_path / "tables/folds.md").read_text()


def test_a_score_without_a_value_in_one_fold_has_no_mean(made, tmp_path):
    path = tmp_path / "cells/fold2/mask_r50/seed1/scores.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"ap75_100": None}))
    assert made().returncode == 0
    assert [row["AP75 @100"] == "not scored" for row in rows(tmp_path, "folds")] == [True, False]


def test_too_few_files_and_wrong_folds_are_refused(made, tmp_path):
    done = made("--choices", tmp_path / "a.json")
    assert done.returncode == 2
    assert "--choices: 1 files found, wanted 12" in done.stderr
    (tmp_path / "fold1.json").write_text("[]")
    done = made()
    assert done.returncode == 2 and str(tmp_path / "fold1.json") in done.stderr and "Traceback" not in done.stderr
