"""Runs from an archive, by tiles, from published weights and at full size; and what clean-work leaves of a run."""

import csv
import hashlib
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy
import pytest
import torch
import yaml
from conftest import ROOT
from mmcv import Config
from mmdet.models import build_detector
from support.published_weights import serve
from support.tiny import (
    CONFIG,
    cell,
    clean,
    overlay,
    planned,
    snakemake,
    verified,
)

from nuclei.models.zoo import zoo_path


@pytest.fixture(scope="module")
def archive(project):
    """The drawn data as an archive, without and beside its test masks."""
    with tarfile.open(project / "raw.tar.gz", "w:gz") as file:
        file.add(project / "work/tiny/raw/dataset", "dataset")
    return "raw.tar.gz"


def test_without_test_masks_the_run_ends_in_answers(project, archive):
    raw = {"draw": None, "dataset": {"path": archive}}
    config = overlay(project, run="unscored", raw=raw, models=["mask_r50"], settings=[1])
    done = snakemake(project, config=config)
    assert done.returncode == 0, done.stderr[-5000:]
    results = project / "results/unscored"
    (row,) = csv.DictReader((results / "tables/table1.csv").open())
    assert row["mAP"] == "not scored"
    assert (results / "cells/setting1/mask_r50/seed0/answer.zip").is_file()
    assert verified(results)
    raw = json.loads((results / "manifest.json").read_text())["data"]["raw"]
    assert (len(raw["dataset"]), raw["test_masks"]) == (64, None)
    # the same data from an archive: the same annotations, config and weights as drawn in place
    for name in ("data/coco/exact/train.json", "data/annotations/setting1/train.json"):
        assert (results / name).read_bytes() == (project / "results/tiny" / name).read_bytes()
    log = (results / "cells/setting1/mask_r50/seed0/epochs.tsv").read_text()
    assert log == (cell(project, 1, "mask_r50") / "epochs.tsv").read_text()


def test_cleaning_up_leaves_nothing_more_to_do(project):
    work = Path("work/tiny/cells/setting1/mask_r50/seed0")
    (mine,) = (project / work).iterdir()
    (project / work / ("0" * 16)).mkdir()
    config = overlay(project, seeds=[0, 1])
    before = planned(snakemake(project, "-n", config=config))
    assert clean(project) == [f"{work}/{'0' * 16}"]
    assert list((project / work).iterdir()) == [mine]
    assert planned(snakemake(project, "-n", config=config)) == before
    assert planned(snakemake(project, "-n")) == {}


def test_tiles_published_submissions_and_the_reports_converter_run(project):
    (project / "zips").mkdir()
    for name in ("23101", "none"):
        shutil.copy(cell(project, 1, "mask_r50") / "answer.zip", project / f"zips/answer_{name}.zip")
    config = overlay(
        project,
        run="tiled",
        models=["mask_r50"],
        settings=[1],
        published={"submissions": "zips"},
        tiles={"size": 64, "stride": 32, "min_area": 16},
        conversion={"method": "imantics", "segmentation": "polygon"},
    )
    done = snakemake(project, config=config)
    assert done.returncode == 0, done.stderr[-5000:]
    tiles = json.loads((project / "results/tiled/data/annotations/setting1/tiles.json").read_text())
    assert len(tiles["images"]) == 2 * 4
    assert tiles["info"]["converter"] == "imantics"
    scores = json.loads((cell(project, 1, "mask_r50") / "scores.json").read_text())
    published = sorted((project / "results/tiled/published/scores").glob("[!.]*"))
    assert [path.name for path in published] == ["23101.json", "none.json"]
    assert all(json.loads(path.read_text())["map_report"] == scores["map_report"] for path in published)
    assert ", 0 extra, " in verified(project / "results/tiled")  # the published scores are in the manifest, too


@pytest.mark.parametrize("name", ["config", "cpu"])
def test_the_full_size_configs_resolve(project, archive, name):
    """All jobs of the report's protocol are planned, and its cells' configs are written for real."""
    shipped = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
    change = {
        "raw": {"dataset": {"path": archive}, "test_masks": {"path": None}, "expected": None},
        "split": {"file": None},
    }
    (project / "full.yaml").write_text(yaml.safe_dump(change))
    files = ["--configfile", f"config/{name}.yaml", "full.yaml"] if name != "config" else ["--configfile", "full.yaml"]
    cells = len(shipped["models"]) * 2
    done = subprocess.run(["snakemake", "--cores", "2", "-n", *files], cwd=project, capture_output=True, text=True)
    found = planned(done)
    assert (found["train"], found["predict"], found["score_predictions"]) == (cells, cells, cells)
    assert found.get("fetch_weights", 0) == (6 if name == "config" else 0)
    run = shipped["run"]
    model = shipped["models"][-1]
    target = f"results/{run}/cells/setting2/{model}/seed0/config.py"
    done = subprocess.run(
        ["snakemake", "--cores", "2", *files, "--", target], cwd=project, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "samples_per_gpu" in Path(project / target).read_text()


def test_a_finished_run_needs_no_raw_data(project):
    """Last, for what it removes."""
    assert "work/tiny/raw" in clean(project, "--raw")
    assert not (project / "work/tiny/raw").exists()
    assert planned(snakemake(project, "-n")) == {}


def test_published_weights_come_from_a_mirror_and_only_class_layers_start_anew(project, tmp_path):
    """The whole path over loopback: download, hash, tensors, loading, with a checkpoint in mmdet's published form."""
    catalogue = yaml.safe_load((project / "config/models.yaml").read_text())
    zoo = Config.fromfile(str(zoo_path(catalogue["models"]["mask_r50"]["zoo"])))
    state = build_detector(zoo.model).state_dict()
    (tmp_path / "mask_rcnn").mkdir()
    path = tmp_path / "mask_rcnn/any.pth"
    torch.save({"state_dict": state, "meta": {"mAP": numpy.float64(0.4)}}, path)
    path = path.rename(path.with_name(f"net-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"))
    catalogue["models"]["mask_r50"]["weights"] = f"mask_rcnn/{path.name}"
    (project / "mirrored.yaml").write_text(yaml.safe_dump(catalogue, sort_keys=False))
    with serve(tmp_path) as (address, _):
        change = {"run": "coco", "models": ["mask_r50"], "settings": [1], "models_file": "mirrored.yaml"}
        change["weights_folder"] = f"{address}/"
        change["training"] = CONFIG["training"] | {"weights": "coco", "width": 1, "depth": 1}
        environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
        target = "results/coco/cells/setting1/mask_r50/seed0/scores.json"
        done = snakemake(project, "--", target, config=overlay(project, **change), environment=environment)
    assert done.returncode == 0, done.stderr[-5000:]
    said = (project / "results/coco/logs/setting1.mask_r50.seed0.train.log").read_text()
    assert f"{len(state) - 6} layers loaded from work/weights/mask_r50.pth, 6 start anew" in said
    assert "roi_head.bbox_head.fc_cls.weight starts anew" in said
    record = json.loads((project / target).with_name("training.json").read_text())
    assert record["weights_sha256"] == hashlib.sha256((project / "work/weights/mask_r50.pth").read_bytes()).hexdigest()
