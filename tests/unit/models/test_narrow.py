"""Narrow copies of a model."""

import jsonschema
import pytest
import yaml
from conftest import ROOT
from mmcv import Config
from mmdet.models import build_detector
from support.resolved_configs import MODELS, resolved, zoo

from nuclei.models.narrow import narrow

WIDTHS = [eighths / 8 for eighths in range(1, 9)]


def test_narrow_scales_channels_and_groups():
    model = zoo("mask_x101")["model"]
    narrow(model, 0.25)
    assert (model["backbone"]["base_channels"], model["backbone"]["groups"]) == (16, 8)
    assert model["neck"]["in_channels"] == [64, 128, 256, 512]
    assert model["roi_head"]["bbox_head"]["fc_out_channels"] == 256


def fits(model):
    """Whether a ResNet gives as many channels as the neck after it takes."""
    base = model["backbone"].get("base_channels", 64)
    return model["neck"]["in_channels"] == [base * 4 * 2**stage for stage in range(4)]


@pytest.mark.parametrize("name", MODELS)
def test_neighbouring_layers_fit_at_every_width_that_the_config_may_name(name):
    schema = yaml.safe_load((ROOT / "config/schema.yaml").read_text())["config"]["properties"]["training"]
    allowed = jsonschema.Draft202012Validator(schema["properties"]["width"])
    assert [width for width in (n / 1000 for n in range(1001)) if allowed.is_valid(width)] == WIDTHS
    for width in WIDTHS:
        model = zoo(name)["model"]
        narrow(model, width)
        assert fits(model), width
    odd = zoo(name)["model"]
    narrow(odd, 0.06)
    assert not fits(odd)


def test_attention_heads_share_the_channels_at_every_width():
    for width in (0.125, 0.375, 0.875):
        build_detector(Config(resolved("queryinst_r50", width=width)).model)
