"""Steps of mmdet's pipelines that mmdet 2.28 lacks; config.py names this module in custom_imports."""

import cv2
import numpy as np
from mmdet.datasets.builder import PIPELINES


@PIPELINES.register_module()
class MoveImage:
    """Move the image, not its masks, so that tissue `offset` px (x right, y down) off them comes to lie there.

    Fractions of a px are interpolated (Lanczos, 8 x 8 px); what comes in at the border is mirrored.
    """

    def __init__(self, offset):
        self.offset = tuple(map(float, offset))

    def __call__(self, results):
        """Move `img` of mmdet's `results` by -offset."""
        height, width = results["img"].shape[:2]
        move = np.array([[1, 0, -self.offset[0]], [0, 1, -self.offset[1]]])
        options = {"flags": cv2.INTER_LANCZOS4, "borderMode": cv2.BORDER_REFLECT}
        results["img"] = cv2.warpAffine(results["img"], move, (width, height), **options)
        return results

    def __repr__(self):
        return f"MoveImage(offset={self.offset})"


@PIPELINES.register_module()
class QuarterTurn:
    """Transpose half of the images, with boxes and masks; with flips on both axes, all eight views of a square.

    The turn is exact: pixels change places, nothing is interpolated. Masks may be polygons or bitmaps.
    """

    def __call__(self, results):
        """Transpose the images, boxes and masks of mmdet's `results`, or return them as they are."""
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

    def __repr__(self):
        return "QuarterTurn()"
