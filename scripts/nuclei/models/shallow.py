"""Backbones with fewer blocks a stage than their name says, so that a CPU can train copies of deep models.

mmdet finds them by name when it has imported this module, which config.py then names in custom_imports.
"""

from typing import Any

from mmdet.models import BACKBONES
from mmdet.models.backbones import ResNet, ResNeXt


class _Shallow:
    """Mixed into a ResNet: `fraction` of each stage's blocks stays, rounded, one block at least.

    Of the 3, 4, 6 and 3 blocks of ResNet50 a fraction of 0.25 leaves 1, 1, 2 and 1; of the 3, 4, 23 and 3 of ResNeXt101
    it leaves 1, 1, 6 and 1. The first block of each stage stays, so the stages keep their channels and strides.
    """

    arch_settings: dict[int, tuple[type, tuple[int, ...]]]

    def __init__(self, depth: int, fraction: float, **options: Any) -> None:
        block, blocks = self.arch_settings[depth]
        self.arch_settings = {depth: (block, tuple(max(1, round(number * fraction)) for number in blocks))}
        super().__init__(depth=depth, **options)  # type: ignore[call-arg]  # of mmdet's class, which comes after this one


@BACKBONES.register_module()
class ShallowResNet(_Shallow, ResNet):
    """ResNet with `fraction` of its blocks."""


@BACKBONES.register_module()
class ShallowResNeXt(_Shallow, ResNeXt):
    """ResNeXt with `fraction` of its blocks."""
