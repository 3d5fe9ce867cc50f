"""Folds in the DAG: settings of their own beside 1 and 2, which are what they are without them."""

import json

import pytest
from conftest import checkout
from support.tiny import overlay, planned, snakemake

FOLDS = {"count": 3, "groups": None, "column": "organ", "seed": 1}
DATA = {"draw": {"train": 6, "test": 1, "size": 96, "seed": 3}}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return checkout(tmp_path_factory.mktemp("project"))


def folded(project, **change):
    return overlay(project, raw=DATA, models=["mask_r50"], settings=[1], **{"folds": FOLDS, **change})


def test_each_fold_is_a_setting_without_an_answer(project):
    plain = planned(snakemake(project, "-n", config=folded(project, folds=None)))
    assert not {"make_folds", "write_fold_annotations", "make_folds_table"} & set(plain)
    found = planned(snakemake(project, "-n", config=folded(project)))
    cells = ["resolve_config", "train", "select_checkpoint", "predict", "score_predictions"]
    own = dict.fromkeys(cells, 3) | {"make_folds": 1, "write_fold_annotations": 3, "make_folds_table": 1}
    assert {rule: found[rule] - plain.get(rule, 0) for rule in found if found[rule] != plain.get(rule)} == own
    assert set(plain) <= set(found)


def test_scores_beyond_ap_choose_their_threshold_in_the_fold_itself(project):
    config = folded(project, scoring={"instances": True})
    found = planned(snakemake(project, "-n", config=config))
    assert (found["predict_validation"], found["score_instances"]) == (4, 4)
    done = snakemake(project, "-n", "--printshellcmds", config=config)
    (command,) = [line for line in done.stdout.splitlines() if "score_instances.py" in line and "cells/fold2/" in line]
    for part in (
        "--ground-truth results/tiny/data/annotations/fold2/test.json",
        "--validation-predictions results/tiny/cells/fold2/mask_r50/seed0/validation_predictions.json",
        "--split=results/tiny/data/folds/fold2.json",
        "--chosen-on 'validation images of fold2'",
    ):
        assert part in command


def test_a_missing_table_of_groups_and_a_single_fold_are_refused(project):
    done = snakemake(project, "-n", config=folded(project, folds=FOLDS | {"groups": "no.csv"}))
    said = done.stdout + done.stderr
    assert "error: config: folds.groups no.csv not found, wanted a CSV or TSV of groups; correct the path" in said
    done = snakemake(project, "-n", config=folded(project, folds=FOLDS | {"count": 1}))
    assert done.returncode and "config: folds.count" in done.stdout + done.stderr


def test_groups_reach_the_folds_and_another_table_divides_anew(project):
    table = project / "organs.csv"
    table.write_text("image,organ\n" + "".join(f"DEMO-0{number},{'abbccc'[number - 1]}\n" for number in range(1, 7)))
    config = folded(project, folds=FOLDS | {"groups": "organs.csv"})
    targets = [f"results/tiny/data/annotations/fold{number}/test.json" for number in (1, 2, 3)]
    done = snakemake(project, "--", *targets, config=config)
    assert done.returncode == 0, done.stderr[-3000:]
    folds = [json.loads((project / f"results/tiny/data/folds/fold{n}.json").read_text()) for n in (1, 2, 3)]
    assert [fold["groups"] for fold in folds] == [["c"], ["b"], ["a"]]
    for target, fold in zip(targets, folds, strict=True):
        images = json.loads((project / target).read_text())["images"]
        assert [image["file_name"].split("/")[0] for image in images] == fold["test"]
    assert planned(snakemake(project, "-n", "--", *targets, config=config)) == {}
    table.write_text(table.read_text().replace("DEMO-01,a", "DEMO-01,b").replace("DEMO-02,b", "DEMO-02,a"))
    again = planned(snakemake(project, "-n", "--", *targets, config=config))
    assert again == {"make_folds": 1, "write_fold_annotations": 3}
