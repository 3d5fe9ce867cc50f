"""Narrow copies of a model: the same layers with fewer channels."""

from nuclei.models.config_tree import walk

# The widths that a narrow copy scales; each is a number of channels, or a list of them.
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


def narrow(model, width):
    """Scale every channel count of a model config by `width` (0 < width <= 1), in place.

    ResNeXt's 32 groups are scaled too (at least 4), so that a group keeps its number of channels.
    """

    def scaled(value):
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
        # mmdet: width of a block = floor(planes * base_width / base_channels) * groups, planes from base_channels
        backbone["groups"] = max(4, int(backbone["groups"] * width))
