"""One resolved mmdet config for each cell: from the zoo, changed where models.yaml and the config say so."""

import numpy as np
import pytest
from mmcv import Config
from mmdet.datasets.pipelines import RandomFlip
from mmdet.models import build_detector
from support.resolved_configs import MODELS, PATHS, resolved, training, zoo

from nuclei.models.config_tree import training_set, walk
from nuclei.models.resolve import resolve
from nuclei.models.schedule import learning_rates


def test_every_row_of_the_tables_has_its_zoo_config():
    facts = {}
    for name in MODELS:
        config = zoo(name)
        train = [step for step in training_set(config)["pipeline"] if step["type"] == "Resize"][0]
        backbone = config["model"]["backbone"]
        facts[name] = (
            config["model"]["type"],
            backbone["depth"],
            backbone.get("groups"),
            isinstance(train["img_scale"], list),
        )
    assert facts == {
        "mask_r50": ("MaskRCNN", 50, None, True),
        "mask_x101": ("MaskRCNN", 101, 32, True),
        "cascade_r50": ("CascadeRCNN", 50, None, True),
        "cascade_x101": ("CascadeRCNN", 101, 32, True),
        "pointrend_r50": ("PointRend", 50, None, True),
        "ms_rcnn_x101": ("MaskScoringRCNN", 101, 32, False),
        "mask_r101": ("MaskRCNN", 101, None, True),
        "queryinst_r50": ("QueryInst", 50, None, True),
    }
    assert {name: entry["multiscale"] for name, entry in MODELS.items()} == {n: f[3] for n, f in facts.items()}


@pytest.mark.parametrize("model", MODELS)
def test_the_reports_protocol_changes_only_what_it_names(model):
    before, after = zoo(model), resolved(model, "config", weights="w.pth")
    assert {node["num_classes"] for node in walk(after["model"]) if "num_classes" in node} == {1}
    assert after["optimizer"] == before["optimizer"]
    assert after["lr_config"] == before["lr_config"]
    assert after["data"]["samples_per_gpu"] == before["data"]["samples_per_gpu"]
    assert training_set(after)["pipeline"] == training_set(before)["pipeline"]
    assert after["data"]["test"]["pipeline"] == before["data"]["test"]["pipeline"]
    assert after["runner"] == {"type": "EpochBasedRunner", "max_epochs": 200}
    assert after["load_from"] == "w.pth"
    assert after["model"]["backbone"] == before["model"]["backbone"] | {"init_cfg": None}


@pytest.mark.parametrize("model", MODELS)
def test_narrow_copies_build_and_keep_their_depth(model):
    full, config = zoo(model), resolved(model)
    detector = build_detector(Config(config).model)
    assert config["model"]["backbone"]["depth"] == full["model"]["backbone"]["depth"]
    assert type(detector).__name__ == full["model"]["type"]
    assert all(parameter.requires_grad for parameter in detector.backbone.parameters())
    assert detector.neck.out_channels == 32
    assert sum(p.numel() for p in detector.parameters()) < 3e6


def test_data_and_classes():
    config = resolved("cascade_r50")
    for part, dataset in (
        ("train", training_set(config)),
        ("val", config["data"]["val"]),
        ("test", config["data"]["test"]),
    ):
        assert (dataset["ann_file"], dataset["img_prefix"]) == (f"{part}.json", f"images/{part}/")
        assert dataset["classes"] == ("nucleus",)
    assert config["data"]["train"]["times"] == training("demo")["repeat"]
    assert config["seed"] == 3


def test_scales_are_a_range_only_for_multiscale_models():
    def train_scale(config):
        return [step for step in training_set(config)["pipeline"] if step["type"] == "Resize"][0]["img_scale"]

    assert train_scale(resolved("mask_r50")) == [(224, 224), (288, 288)]
    for model in ("mask_r50", "cascade_r50"):  # of the zoo's two modes, `value` picks one of the listed scales
        (step,) = [step for step in training_set(resolved(model))["pipeline"] if step["type"] == "Resize"]
        assert step["multiscale_mode"] == "range"
    assert train_scale(resolved("ms_rcnn_x101")) == (256, 256)
    assert resolved("mask_r50")["data"]["test"]["pipeline"][1]["img_scale"] == (256, 256)


def test_rle_annotations_are_read_as_bitmaps():
    steps = {s["type"]: s for s in training_set(resolved("mask_r50", polygons=False))["pipeline"]}
    assert "poly2mask" not in steps["LoadAnnotations"]
    steps = {s["type"]: s for s in training_set(resolved("mask_r50"))["pipeline"]}
    assert steps["LoadAnnotations"]["poly2mask"] is False


def test_flips_colour_clip_and_schedule():
    config = resolved("mask_r50", photometric={"hue_delta": 3}, clip=5, schedule=[4, 6], lr=0.5, warmup=7)
    types = [step["type"] for step in training_set(config)["pipeline"]]
    assert types.index("PhotoMetricDistortion") == types.index("Normalize") - 1
    (flip,) = [step for step in training_set(config)["pipeline"] if step["type"] == "RandomFlip"]
    assert sum(flip["flip_ratio"]) == pytest.approx(0.5)
    assert config["optimizer_config"]["grad_clip"]["max_norm"] == 5
    assert (config["lr_config"]["step"], config["lr_config"]["warmup_iters"], config["optimizer"]["lr"]) == (
        [4, 6],
        7,
        0.5,
    )


def test_a_list_of_epochs_is_read_as_epochs_whatever_the_zoo_config_says():
    """mmcv's own hook: a tenth from epoch 2 on, a hundredth from 3 on, though the zoo config counts iterations."""
    before = zoo("mask_r50")
    before["lr_config"] |= {"by_epoch": False, "gamma": 0.5, "min_lr": 1.0, "warmup_by_epoch": True}
    section = training("demo") | {"schedule": [2, 3], "warmup": 2, "lr": 0.5, "epochs": 4}
    found = resolve(before, MODELS["mask_r50"], section, PATHS, 0, True)
    rates = learning_rates(found, an_epoch=5)
    assert rates[2:] == pytest.approx([0.5] * 8 + [0.05] * 5 + [0.005] * 5)
    assert rates[0] == pytest.approx(0.5 * 0.001)


def test_tf32_is_part_of_the_recipe_where_it_is_on():
    for on, wanted in ((True, True), (False, None)):
        found = resolve(zoo("mask_r50"), MODELS["mask_r50"], training("demo"), PATHS, 0, True, tf32=on)
        assert found.get("tf32") is wanted


@pytest.mark.parametrize("model", MODELS)
def test_an_empty_list_of_flips_takes_the_zoos_flip_away(model):
    def flip(**change):
        (step,) = [s for s in training_set(resolved(model, **change))["pipeline"] if s["type"] == "RandomFlip"]
        return {key: value for key, value in step.items() if key != "type"}

    assert flip(flips=None)["flip_ratio"] == 0.5  # the zoo's
    step = RandomFlip(**flip(flips=[]))
    image = np.arange(12.0).reshape(2, 2, 3)
    for _ in range(20):
        results = step({"img": image.copy(), "img_fields": ["img"]})
        assert (results["img"] == image).all() and not results["flip"]


def test_crops_and_turns_come_after_resizing():
    def types(config):
        return [step["type"] for step in training_set(config)["pipeline"]]

    config = resolved("mask_r50", depth=1, crop=96, turns=True)
    at = types(config).index("AlignedResize")
    steps = ["AlignedResize", "RandomCrop", "QuarterTurn", "RandomFlip", "VisibleInstances"]
    assert types(config)[at : at + 5] == steps
    assert training_set(config)["pipeline"][at + 1]["crop_size"] == (96, 96)
    assert config["custom_imports"]["imports"] == ["nuclei.augmentation"]
    plain = resolved("mask_r50", depth=1)
    assert not {"RandomCrop", "QuarterTurn", "AlignedResize", "VisibleInstances"} & set(types(plain))
    assert "custom_imports" not in plain


def test_contrast_is_stretched_after_cropping_and_before_colours():
    config = resolved("mask_r50", depth=1, stretch=True, crop=96, turns=True, stain=0.1, photometric=True)
    looks = [training_set(config)["pipeline"]]
    looks += [
        next(s for s in config["data"][part]["pipeline"] if "transforms" in s)["transforms"] for part in ("val", "test")
    ]
    types = [[step["type"] for step in steps] for steps in looks]
    at = types[0].index("StretchContrast")
    assert types[0][at - 1 : at + 4] == [
        "VisibleInstances", "StretchContrast", "StainJitter", "PhotoMetricDistortion", "Normalize",
    ]  # fmt: skip
    assert (
        types[1]
        == types[2]
        == ["Resize", "RandomFlip", "StretchContrast", "Normalize", "Pad", "ImageToTensor", "Collect"]
    )
    assert "StretchContrast" not in str(resolved("mask_r50"))


def test_nuclei_that_a_crop_cuts_are_left_out_of_every_loss():
    def thresholds(config):
        return [n["ignore_iof_thr"] for n in walk(config["model"]["train_cfg"]) if n.get("type") == "MaxIoUAssigner"]

    for model, assigners in (("mask_r50", 2), ("cascade_r50", 4), ("pointrend_r50", 2)):
        config = resolved(model, crop=96, cut_nuclei="ignore")
        steps = {step["type"]: step for step in training_set(config)["pipeline"]}
        assert steps["VisibleInstances"]["ignore_cut"] and steps["Collect"]["keys"][-1] == "gt_bboxes_ignore"
        assert thresholds(config) == [0.5] * assigners
        assert thresholds(resolved(model, crop=96)) == [-1] * assigners


def test_stains_change_before_colours():
    types = [step["type"] for step in training_set(resolved("mask_r50", stain=0.1, photometric=True))["pipeline"]]
    at = types.index("StainJitter")
    assert types[at : at + 3] == ["StainJitter", "PhotoMetricDistortion", "Normalize"]
    assert "StainJitter" not in [step["type"] for step in training_set(resolved("mask_r50"))["pipeline"]]


def test_an_offset_moves_every_image_as_it_is_read():
    config = resolved("mask_r50", depth=1, offset=[0.5, -1])
    for dataset in (training_set(config), config["data"]["val"], config["data"]["test"]):
        assert [step["type"] for step in dataset["pipeline"]][:2] == ["LoadImageFromFile", "MoveImage"]
        assert dataset["pipeline"][1]["offset"] == (0.5, -1)
    assert config["custom_imports"]["imports"] == ["nuclei.augmentation"]


def test_options_reach_every_item_of_a_list():
    config = resolved("cascade_r50", options={"model.train_cfg.rcnn.sampler.num": 33})
    assert [stage["sampler"]["num"] for stage in config["model"]["train_cfg"]["rcnn"]] == [33] * 3


def test_a_models_own_options_win():
    entry = MODELS["mask_r50"] | {"options": {"optimizer.lr": 0.25}}
    config = resolve(zoo("mask_r50"), entry, training("demo"), PATHS, 0, True)
    assert config["optimizer"]["lr"] == 0.25
