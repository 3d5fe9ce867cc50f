"""Protocols: what the report says, what its author ran, what fits; each by value."""

import pytest
import yaml
from conftest import ROOT
from support.resolved_configs import MODELS, resolved_under

from nuclei.common.stage import InputError
from nuclei.models.config_tree import training_set
from nuclei.workflow.protocols import read_protocol


def normalisation(config, part):
    dataset = training_set(config) if part == "train" else config["data"][part]
    steps = dataset["pipeline"] if part == "train" else dataset["pipeline"][1]["transforms"]
    return next(step for step in steps if step["type"] == "Normalize")["std"]


def train_step(config, kind):
    return next(step for step in training_set(config)["pipeline"] if step["type"] == kind)


@pytest.mark.parametrize("protocol", ["report", "scaled", "as_run"])
@pytest.mark.parametrize("model", MODELS)
def test_training_and_test_are_normalised_alike_but_where_the_author_did_not(model, protocol):
    config = resolved_under(model, protocol)
    assert normalisation(config, "train") == normalisation(config, "val")
    mismatch = (model, protocol) == ("mask_x101", "as_run")
    assert (normalisation(config, "train") != normalisation(config, "test")) == mismatch


def test_as_run_follows_the_authors_configs():
    found = {model: resolved_under(model, "as_run") for model in MODELS}
    assert {config["data"]["samples_per_gpu"] for config in found.values()} == {1}
    assert {n: c["lr_config"]["step"] for n, c in found.items() if n != "queryinst_r50"} == {
        "mask_r50": [8, 11],
        "mask_x101": [9, 11],
        "cascade_r50": [9, 11],
        "cascade_x101": [9, 11],
        "pointrend_r50": [28, 34],
        "ms_rcnn_x101": [8, 11],
        "mask_r101": [9, 11],
    }
    assert train_step(found["cascade_x101"], "Resize")["img_scale"] == (1333, 800)
    assert train_step(found["mask_r50"], "Resize")["multiscale_mode"] == "value"
    assert normalisation(found["mask_x101"], "test") == [1.0, 1.0, 1.0]
    for name in ("cascade_r50", "cascade_x101", "ms_rcnn_x101"):
        assert train_step(found[name], "LoadAnnotations")["poly2mask"] is False


def test_report_takes_the_zoo_configs_of_the_rows():
    assert resolved_under("mask_r50", "report")["lr_config"]["step"] == [28, 34]
    assert train_step(resolved_under("cascade_x101", "report"), "Resize")["img_scale"] == [(1333, 640), (1333, 800)]
    assert resolved_under("mask_r50", "report")["optimizer"]["lr"] == 0.02
    assert resolved_under("mask_r50", "report")["data"]["samples_per_gpu"] == 2


def test_scaled_fits_rate_and_steps_to_batch_and_epochs():
    config = resolved_under("pointrend_r50", "scaled")
    assert config["optimizer"]["lr"] == pytest.approx(0.02 * 2 / 16)
    assert config["lr_config"]["step"] == [156, 189]  # 28 and 34 of 36
    assert resolved_under("cascade_r50", "scaled")["lr_config"]["step"] == [150, 183]  # 9 and 11 of 12
    assert config["lr_config"]["warmup_iters"] == 100
    doubled = resolved_under("pointrend_r50", "scaled", batch=1, accumulate=4)
    assert doubled["optimizer"]["lr"] == pytest.approx(0.02 * 4 / 16)


def test_keys_of_the_config_go_before_the_protocol():
    config = resolved_under("mask_r50", "scaled", lr=0.5, schedule=[3], batch=7)
    assert (config["optimizer"]["lr"], config["lr_config"]["step"], config["data"]["samples_per_gpu"]) == (0.5, [3], 7)


def test_unknown_protocols_and_models_are_named(tmp_path):
    with pytest.raises(
        InputError, match="config: protocol reprot is not in config/protocols.yaml; did you mean report?"
    ):
        read_protocol("reprot", MODELS)
    content = yaml.safe_load((ROOT / "config/protocols.yaml").read_text())
    content["scaled"]["models"]["mask_r5"] = {"options": {}}
    content["scaled"]["training"]["epoch"] = 3
    path = tmp_path / "protocols.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="unknown key scaled.training.epoch; did you mean epochs"):
        read_protocol("scaled", MODELS, path)
    del content["scaled"]["training"]["epoch"]
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="scaled names mask_r5, wanted one of mask_r50"):
        read_protocol("scaled", MODELS, path)


def test_values_of_the_reports_protocol():
    found = {model: resolved_under(model, "report") for model in MODELS}
    mask = found["mask_r50"]
    assert mask["optimizer"] == {"type": "SGD", "lr": 0.02, "momentum": 0.9, "weight_decay": 0.0001}
    assert (mask["data"]["samples_per_gpu"], mask["runner"]["max_epochs"]) == (2, 200)
    assert (mask["lr_config"]["step"], mask["lr_config"]["warmup_iters"]) == ([28, 34], 500)
    kept = {model: ours["model"]["test_cfg"]["rcnn"]["max_per_img"] for model, ours in found.items()}
    assert kept == {**dict.fromkeys(MODELS, 1000), "ms_rcnn_x101": 100, "queryinst_r50": 100}
    thresholds = {model: ours["model"]["test_cfg"]["rcnn"].get("score_thr") for model, ours in found.items()}
    assert thresholds == {**dict.fromkeys(MODELS, 0.05), "queryinst_r50": None}
