"""Augmentation steps that mmdet 2.28 does not have, for the pipelines of a cell's config.py.

mmdet finds them by name when it has imported the module that config.py names in custom_imports. That module is
scripts/nuclei/augmentation.py, which imports this one.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmdet.datasets.builder import PIPELINES


@PIPELINES.register_module()
class MoveImage:
    """Move the image under its masks, which stay, so that the tissue lies where the masks say.

    offset: (x right, y down), px, by which the tissue lies off its masks. Fractions of a pixel are interpolated
    (Lanczos, 8 x 8 pixels). At the border, the pixels that come in are mirrored from the image.
    """

    def __init__(self, offset: Sequence[float]) -> None:
        self.offset = tuple(map(float, offset))

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Move `img` (height x width x channels) of mmdet's `results` by -offset, and return the results."""
        height, width = results["img"].shape[:2]
        move = np.array([[1, 0, -self.offset[0]], [0, 1, -self.offset[1]]])
        options = {"flags": cv2.INTER_LANCZOS4, "borderMode": cv2.BORDER_REFLECT}
        results["img"] = cv2.warpAffine(results["img"], move, (width, height), **options)
        return results

    def __repr__(self) -> str:
        return f"MoveImage(offset={self.offset})"


@PIPELINES.register_module()
class QuarterTurn:
    """Transpose half of the images, each with its boxes and masks: x becomes y, and y becomes x.

    Together with flips along both axes this gives all eight views of a square, quarter turns among them. It is exact:
    pixels change places, and nothing is interpolated. Masks may be polygons or bitmaps.
    """

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Transpose image, boxes and masks of mmdet's `results`, at a probability of one half, and return them."""
        if np.random.rand() >= 0.5:
            return results
        results["img"] = np.ascontiguousarray(results["img"].transpose(1, 0, 2))
        results["img_shape"] = results["img"].shape
        results["gt_bboxes"] = results["gt_bboxes"][:, [1, 0, 3, 2]]
        masks = results["gt_masks"]
        if isinstance(masks.masks, np.ndarray):
            masks.masks = masks.masks.transpose(0, 2, 1)
        else:
            masks.masks = [[part.reshape(-1, 2)[:, ::-1].reshape(-1) for part in nucleus] for nucleus in masks.masks]
        masks.height, masks.width = masks.width, masks.height
        return results

    def __repr__(self) -> str:
        return "QuarterTurn()"
