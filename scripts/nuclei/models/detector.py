"""The detector of a resolved config."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmcv import Config
    from torch import nn


def build_model(config: "Config") -> "nn.Module":
    """Build the detector of a resolved mmdet Config, on the CPU, with initialised weights."""
    from mmdet.models import build_detector

    import nuclei.models.shallow  # noqa: F401 - registers the backbones that config.py may name

    model = build_detector(config.model, train_cfg=config.get("train_cfg"), test_cfg=config.get("test_cfg"))
    model.init_weights()
    model.CLASSES = tuple(config.data.test.classes)
    return model
