"""Augmentation steps that mmdet 2.28 does not have, for the pipelines of a cell's config.py.

mmdet finds them by name when it has imported the module that config.py names in custom_imports. That module is
scripts/nuclei/augmentation.py, which imports this one.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmdet.core import BitmapMasks
from mmdet.datasets.builder import PIPELINES
from mmdet.datasets.pipelines import Resize

from nuclei.common.contrast import stretched
from nuclei.common.stains import DENSITIES, STAINS, UNMIXING
from nuclei.models.clipping import visible


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


@PIPELINES.register_module()
class AlignedResize(Resize):
    """mmdet's Resize with masks that stay where their image is.

    mmdet resizes bitmaps by OpenCV's nearest neighbour, which takes a pixel's corner for its centre and so moves masks
    by up to half a pixel to the lower right, and cuts off the fraction of polygons whose coordinates are integers. Here
    bitmaps are resized about the centres of their pixels, and polygons become floats first.
    """

    def _resize_masks(self, results: dict[str, Any]) -> None:
        masks = results["gt_masks"]
        height, width = results["img_shape"][:2]
        if isinstance(masks.masks, np.ndarray):
            resized = np.zeros((len(masks.masks), height, width), np.uint8)
            for target, mask in zip(resized, masks.masks, strict=True):
                target[:] = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
            results["gt_masks"] = BitmapMasks(resized, height, width)
        else:
            masks.masks = [[part.astype(float) for part in instance] for instance in masks.masks]
            results["gt_masks"] = masks.resize((height, width))


@PIPELINES.register_module()
class VisibleInstances:
    """Leave of each instance what the image shows of it: mask clipped, box equal to the mask's extent, slivers dropped.

    To follow the last geometric step after a crop. mmdet's RandomCrop moves polygons and leaves them as long as they
    are, so that boxes reach beyond the image, and gives an instance whose mask lies outside of the crop a box without
    area, from which the loss becomes NaN. Masks may be polygons or bitmaps. min_area: smallest visible area in px^2 of
    the resized image; smaller pieces are dropped with their boxes and labels. ignore_cut: boxes of instances that touch
    the border of the image, which may cut them, become gt_bboxes_ignore, by which mmdet's assigners leave their
    proposals out of the loss; their masks and labels are dropped.
    """

    def __init__(self, min_area: float = 4.0, ignore_cut: bool = False) -> None:
        self.min_area, self.ignore_cut = float(min_area), ignore_cut

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Change gt_masks, gt_bboxes, gt_labels and, on request, gt_bboxes_ignore of mmdet's `results`.

        An image may be left without instances.
        """
        height, width = results["img_shape"][:2]
        masks = results["gt_masks"]
        if isinstance(masks.masks, np.ndarray):
            areas, boxes = np.asarray(masks.areas, float), masks.get_bboxes()
        else:
            parts = [
                visible([part.reshape(-1, 2).astype(float) for part in instance], height, width)
                for instance in masks.masks
            ]
            masks.masks = [[ring.reshape(-1) for ring in rings] for rings, _, _ in parts]
            areas, boxes = np.array([area for _, area, _ in parts]), np.array([box for _, _, box in parts])
        boxes = boxes.reshape(-1, 4).astype(np.float32)
        seen = (areas >= self.min_area) & (boxes[:, 2:] - boxes[:, :2] >= 1).all(1)
        if self.ignore_cut:
            cut = seen & ((boxes[:, :2] <= 0) | (boxes[:, 2:] >= (width, height))).any(1)
            results["gt_bboxes_ignore"] = np.concatenate([results["gt_bboxes_ignore"], boxes[cut]])
            seen &= ~cut
        kept = np.flatnonzero(seen)
        results["gt_masks"], results["gt_bboxes"] = masks[kept], boxes[kept]
        results["gt_labels"] = results["gt_labels"][kept]
        return results

    def __repr__(self) -> str:
        return f"VisibleInstances(min_area={self.min_area}, ignore_cut={self.ignore_cut})"


@PIPELINES.register_module()
class StretchContrast:
    """Stretch the values of an image to 0 to 255, by the rule of nuclei.common.contrast, whatever its brightness.

    least: difference of black and white below which nothing is stretched further, of 255.
    """

    def __init__(self, least: float = 16.0) -> None:
        self.least = float(least)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Change `img` (height x width x channels, 0 to 255) of mmdet's `results`, and return the results."""
        results["img"] = stretched(results["img"], self.least)
        return results

    def __repr__(self) -> str:
        return f"StretchContrast(least={self.least})"


@PIPELINES.register_module()
class StainJitter:
    """Change how strongly the tissue took each stain, as another laboratory's or another day's staining would.

    The amounts of haematoxylin, eosin and a rest (DAB's colour) that explain each pixel's optical density are each
    multiplied by a number of [1 - sigma, 1 + sigma] and raised by one of [-sigma, sigma], drawn anew for each image.
    Source: Tellez et al., IEEE Transactions on Medical Imaging 37 (2018), section III-D.
    """

    def __init__(self, sigma: float) -> None:
        self.sigma = float(sigma)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Change `img` (height x width x blue, green, red; 0 to 255) of mmdet's `results`, and return the results."""
        factor, shift = 1 + np.random.uniform(-self.sigma, self.sigma, 3), np.random.uniform(-self.sigma, self.sigma, 3)
        # amounts = density @ UNMIXING; the product below does all at once
        matrix, constant = UNMIXING @ np.diag(factor) @ STAINS, shift @ STAINS
        density = DENSITIES.astype(np.float32)[results["img"][..., ::-1]] @ matrix.astype(np.float32)
        light = np.exp((density + constant.astype(np.float32)) * np.float32(-np.log(10))) * 255
        results["img"] = np.ascontiguousarray(np.rint(light.clip(0, 255)).astype(np.uint8)[..., ::-1])
        return results

    def __repr__(self) -> str:
        return f"StainJitter(sigma={self.sigma})"
