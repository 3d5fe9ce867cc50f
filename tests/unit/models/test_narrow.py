"""Narrow copies of a model."""

from support.resolved_configs import zoo

from nuclei.models.narrow import narrow


def test_narrow_scales_channels_and_groups():
    model = zoo("mask_x101")["model"]
    narrow(model, 0.25)
    assert (model["backbone"]["base_channels"], model["backbone"]["groups"]) == (16, 8)
    assert model["neck"]["in_channels"] == [64, 128, 256, 512]
    assert model["roi_head"]["bbox_head"]["fc_out_channels"] == 256
