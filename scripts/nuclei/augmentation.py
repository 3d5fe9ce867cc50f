"""Augmentation that mmdet 2.28 lacks, as steps of its pipelines; config.py names this module in custom_imports."""

import numpy as np
from mmdet.datasets.builder import PIPELINES


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
