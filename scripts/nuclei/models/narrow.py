"""Narrow and shallow copies of a model, with fewer channels and fewer layers, so that a CPU can train them."""

from typing import Any

from nuclei.common.stage import InputError
from nuclei.models.config_tree import Tree, walk

# The keys that a narrow copy scales; the value of each is a number of channels, or a list of them.
CHANNEL_KEYS = {
    "base_channels",
    "stem_channels",
    "in_channels",
    "out_channels",
    "feat_channels",
    "conv_out_channels",
    "fc_out_channels",
    "fc_channels",
    "feedforward_channels",
    "proposal_feature_channel",
    "decoder_in_channels",
}


def narrow(model: Tree, width: float) -> None:
    """Multiply every number of channels in a model config by `width`, in place; at least 8 channels stay.

    width: a multiple of 1/8, at most 1. With another one the rounded numbers of neighbouring layers would not fit each
    other: backbones have multiples of 64 channels, and QueryInst has 8 heads of attention that share the channels. The
    32 groups of ResNeXt are scaled too, to 4 at least, so that a group keeps its number of channels.
    """

    def scaled(value: Any) -> Any:
        return [scaled(item) for item in value] if isinstance(value, (list, tuple)) else max(8, int(value * width))

    for node in walk(model):
        for key in CHANNEL_KEYS & node.keys():
            if node[key] is not None:
                node[key] = scaled(node[key])
        if node.get("type") == "GN":
            node["num_groups"] = max(1, int(node["num_groups"] * width))
    backbone = model["backbone"]
    backbone["base_channels"] = scaled(64)
    if "groups" in backbone:
        # In mmdet a block has floor(planes * base_width / base_channels) * groups channels. planes is a multiple of
        # base_channels, so scaling both changes nothing in the quotient; only fewer groups make the block narrower.
        backbone["groups"] = max(4, int(backbone["groups"] * width))


def make_shallow(backbone: Tree, fraction: float) -> None:
    """Let a backbone config of a ResNet or ResNeXt have `fraction` of its blocks in each stage, in place.

    The blocks that stay are those of nuclei.models.shallow. InputError: the backbone is of another kind.
    """
    if backbone["type"] not in ("ResNet", "ResNeXt"):
        raise InputError(
            f"config: training.depth {fraction:g} with a backbone of type {backbone['type']} found, wanted ResNet or "
            "ResNeXt; set training.depth to 1 or leave the model out"
        )
    backbone.update(type=f"Shallow{backbone['type']}", fraction=fraction)
