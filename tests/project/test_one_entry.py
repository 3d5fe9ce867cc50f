"""A further zoo model takes one entry in models.yaml and nothing else: it resolves, trains a step and predicts."""

import json
import math
import re
import subprocess
import sys

import pytest
import torch
import yaml
from conftest import ROOT
from mmcv import Config
from mmcv.runner import build_optimizer
from mmdet.apis import set_random_seed
from mmdet.datasets import build_dataloader, build_dataset
from mmdet.utils import build_dp
from support.resolved_configs import training

from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout
from nuclei.models.detector import build_model
from nuclei.models.resolve import resolve
from nuclei.models.zoo import zoo_path
from nuclei.prediction.single_look import predict

ENTRIES = {
    "htc": {"zoo": "htc/htc_without_semantic_r50_fpn_1x_coco"},
    "solov2": {"zoo": "solov2/solov2_light_r18_fpn_3x_coco"},
    "mask2former": {
        "zoo": "mask2former/mask2former_r50_lsj_8x2_50e_coco",
        "options": {"data.train.pipeline.RandomCrop.crop_size": [128, 128], "data.train.pipeline.Pad.size": [128, 128]},
    },
}


@pytest.mark.parametrize("name", ENTRIES)
def test_one_step_and_a_prediction(name, drawn, tmp_path):
    images, _, _ = read_layout(drawn / "dataset", drawn / "test_masks")
    paths = {}
    for part, images_of in (("train", "train"), ("val", "train"), ("test", "test")):
        content = convert([image for image in images if image.set == images_of][:1], "exact", "polygon")
        (tmp_path / f"{part}.json").write_text(json.dumps(content))
        paths[part] = {"annotations": str(tmp_path / f"{part}.json"), "images": str(drawn / "dataset" / images_of)}
    section = training("config") | {"train_scales": [[96, 96], [128, 128]], "test_scale": [128, 128], "epochs": 1}
    zoo = Config.fromfile(str(zoo_path(ENTRIES[name]["zoo"])))._cfg_dict.to_dict()
    set_random_seed(0)
    config = Config(resolve(zoo, ENTRIES[name], section, paths, 0, True))
    model = build_model(config)
    optimizer = build_optimizer(model, config.optimizer)
    wrapped = build_dp(model, "cpu", device_ids=[0])
    wrapped.train()
    dataset = build_dataset(config.data.train)
    assert dataset.CLASSES == ("nucleus",)
    batch = next(iter(build_dataloader(dataset, 1, 0, dist=False, shuffle=False, seed=0)))
    outputs = wrapped.train_step(batch, optimizer)
    outputs["loss"].backward()
    optimizer.step()
    assert all(math.isfinite(value) for value in outputs["log_vars"].values())
    assert all(bool(parameter.grad.any()) for parameter in list(model.backbone.parameters())[-1:])
    with torch.no_grad():
        rows = predict(wrapped, build_dataset(config.data.test, dict(test_mode=True)))
    assert {row["category_id"] for row in rows} <= {1}
    assert {tuple(row["segmentation"]["size"]) for row in rows} <= {(128, 128)}


def test_the_workflow_plans_its_cells(tmp_path):
    catalogue = yaml.safe_load((ROOT / "config/models.yaml").read_text())
    columns = {"method": "solov2", "backbone": "r18", "multiscale": True, "lr_schd": "3x", "weights": "a-00000000.pth"}
    catalogue["models"]["solov2_r18"] = {**columns, **ENTRIES["solov2"]}
    (tmp_path / "models.yaml").write_text(yaml.safe_dump(catalogue, sort_keys=False))
    change = {"models_file": str(tmp_path / "models.yaml"), "models": ["mask_r50", "solov2_r18"]}
    (tmp_path / "more.yaml").write_text(yaml.safe_dump(change))
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "--configfile", "config/demo.yaml"]
    command += [str(tmp_path / "more.yaml"), "--config", "run=one_entry"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "training of solov2_r18, setting2, seed 0" in done.stdout + done.stderr


def test_a_models_file_of_ones_own_need_not_hold_the_reports_models(tmp_path):
    columns = {"method": "solov2", "backbone": "r18", "multiscale": True, "lr_schd": "3x", "weights": "a-00000000.pth"}
    models = {"weights_root": "https://example.org/", "models": {"solov2_r18": {**columns, **ENTRIES["solov2"]}}}
    (tmp_path / "models.yaml").write_text(yaml.safe_dump(models))
    config = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    del config["model_options"]
    change = {"run": "own", "models_file": str(tmp_path / "models.yaml"), "models": ["solov2_r18"]}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({**config, **change}))
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "--configfile", str(tmp_path / "own.yaml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-2000:]
    assert sorted(re.findall("training of (.*)", said)) == [
        f"solov2_r18, setting{setting}, seed 0" for setting in (1, 2)
    ]
