"""Loading published weights: class-dependent layers start anew, each named; any other difference is an error."""

import copy
import re

import pytest
import torch
from mmcv import Config
from mmdet.models import build_detector
from support.resolved_configs import MODELS, resolved

from nuclei.common.stage import InputError
from nuclei.models.classes import set_classes
from nuclei.models.detector import build_model
from nuclei.models.pretrained import load_published

HEADS = {
    "mask_r50": {"bbox_head.fc_cls", "bbox_head.fc_reg", "mask_head.conv_logits"},
    "cascade_r50": {f"bbox_head.{n}.fc_cls" for n in range(3)} | {f"mask_head.{n}.conv_logits" for n in range(3)},
    "pointrend_r50": {"bbox_head.fc_cls", "bbox_head.fc_reg", "mask_head.fc_logits", "point_head.fc_logits"}
    | {f"point_head.fcs.{n}.conv" for n in range(3)},  # each takes the coarse prediction of all classes as input
    "ms_rcnn_x101": {"bbox_head.fc_cls", "bbox_head.fc_reg", "mask_head.conv_logits", "mask_iou_head.fc_mask_iou"},
    "queryinst_r50": {f"bbox_head.{n}.fc_cls" for n in range(6)} | {f"mask_head.{n}.conv_logits" for n in range(6)},
}


def published(config):
    """State of a random model with 80 classes, as the COCO checkpoints hold it."""
    model = copy.deepcopy(config.model)
    set_classes(model, 80, before=1)
    return build_detector(model).state_dict()


@pytest.fixture(scope="module")
def mask_r50():
    return Config(resolved("mask_r50"))


def saved(state, tmp_path, **meta):
    torch.save({"state_dict": state, "meta": meta}, tmp_path / "w.pth")
    return tmp_path / "w.pth"


@pytest.mark.parametrize("model", HEADS)
def test_class_layers_start_anew_and_all_others_are_taken(model, tmp_path, capsys):
    assert model in MODELS
    config = Config(resolved(model))
    state = published(config)
    detector = build_model(config)
    dropped = load_published(detector, config, saved(state, tmp_path), "cell")
    assert {re.sub(r"^roi_head\.|\.(weight|bias)$", "", name) for name in dropped} == HEADS[model]
    own = detector.state_dict()
    assert all(torch.equal(own[name], value) for name, value in state.items() if name not in dropped)
    said = capsys.readouterr().err
    assert all(f"cell: {name} starts anew" in said for name in dropped)
    assert f"{len(state) - len(dropped)} layers loaded" in said


def test_one_class_weights_are_taken_whole(mask_r50, tmp_path):
    state = build_model(mask_r50).state_dict()
    assert load_published(build_model(mask_r50), mask_r50, saved(state, tmp_path), "cell") == []


def test_classes_in_another_order_are_refused_and_other_names_said(mask_r50, tmp_path, capsys):
    config = copy.deepcopy(mask_r50)
    set_classes(config.model, 2, before=1)
    config.data.test.classes = ("tumour", "immune")
    state = build_model(config).state_dict()
    load_published(build_model(config), config, saved(state, tmp_path, CLASSES=("tumour", "immune")), "cell")
    assert "taken for" not in capsys.readouterr().err
    load_published(build_model(config), config, saved(state, tmp_path, CLASSES=("big", "small")), "cell")
    assert "cell: the weights' classes big, small are taken for tumour, immune\n" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"classes in the order immune, tumour found, wanted tumour, immune;"):
        load_published(build_model(config), config, saved(state, tmp_path, CLASSES=("immune", "tumour")), "cell")


def test_files_of_old_torch_without_batch_counters_load(mask_r50, tmp_path):
    state = {name: value for name, value in published(mask_r50).items() if "num_batches" not in name}
    assert len(load_published(build_model(mask_r50), mask_r50, saved(state, tmp_path), "cell")) == 6


def test_every_other_difference_is_an_error_at_once(mask_r50, tmp_path):
    state = published(mask_r50)
    state["backbone.fc.weight"] = torch.zeros(3)
    del state["neck.fpn_convs.0.conv.bias"]
    state["rpn_head.rpn_cls.weight"] = torch.zeros(9, 1, 1, 1)
    with pytest.raises(InputError) as error:
        load_published(build_model(mask_r50), mask_r50, saved(state, tmp_path), "cell")
    said = "\n".join(error.value.problems)
    assert len(error.value.problems) == 3
    assert "layer rpn_head.rpn_cls.weight is (9, 1, 1, 1), wanted (3, 32, 1, 1)" in said
    assert "holds no layer neck.fpn_convs.0.conv.bias" in said
    assert "layer backbone.fc.weight is unknown to the model" in said


def test_weights_of_another_model_are_refused(mask_r50, tmp_path):
    state = published(Config(resolved("cascade_r50")))
    with pytest.raises(InputError, match="roi_head.bbox_head.0.fc_cls.weight is unknown"):
        load_published(build_model(mask_r50), mask_r50, saved(state, tmp_path), "cell")


def test_a_damaged_file_is_one_line(mask_r50, tmp_path):
    path = saved(published(mask_r50), tmp_path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match="w.pth: not a checkpoint"):
        load_published(build_model(mask_r50), mask_r50, path, "cell")
