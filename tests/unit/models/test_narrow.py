"""Narrow and shallow copies of a model."""

import jsonschema
import pytest
import yaml
from conftest import ROOT
from mmcv import Config
from mmdet.models import BACKBONES, build_detector
from support.resolved_configs import MODELS, resolved, zoo

from nuclei.common.stage import InputError
from nuclei.models.narrow import make_shallow, narrow

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


@pytest.mark.parametrize(
    "kind, depth, fraction, blocks",
    [
        ("ResNet", 50, 0.25, [1, 1, 2, 1]),
        ("ResNet", 50, 0.001, [1, 1, 1, 1]),
        ("ResNet", 101, 0.5, [2, 2, 12, 2]),
        ("ResNeXt", 101, 0.25, [1, 1, 6, 1]),
        ("ResNeXt", 101, 1, [3, 4, 23, 3]),
    ],
)
def test_a_fraction_of_the_blocks_stays_in_each_stage(kind, depth, fraction, blocks):
    backbone = dict(type=kind, depth=depth, base_channels=8)
    whole = BACKBONES.build(backbone).state_dict()
    make_shallow(backbone, fraction)
    shallow = BACKBONES.build(backbone)
    assert [len(getattr(shallow, name)) for name in shallow.res_layers] == blocks
    assert all(value.shape == whole[name].shape for name, value in shallow.state_dict().items())


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_built_shallow_from_its_config_alone(name, tmp_path):
    Config(resolved(name, depth=0.125)).dump(str(tmp_path / "config.py"))
    read = Config.fromfile(str(tmp_path / "config.py"))
    assert "nuclei.models.shallow" in read.custom_imports["imports"]
    stages = build_detector(read.model).backbone.stage_blocks
    assert stages == ((1, 1, 3, 1) if "101" in name else (1, 1, 1, 1))


def test_a_backbone_of_another_kind_cannot_be_made_shallow():
    with pytest.raises(InputError, match="training.depth 0.5 with a backbone of type SwinTransformer found, wanted R"):
        make_shallow(dict(type="SwinTransformer"), 0.5)
