"""COCO results whose masks are squares, on two images of 64 px."""

import numpy as np

from nuclei.coco.rle import encode

SIDE = 64
IMAGES = [{"id": n, "file_name": f"{n}.png", "height": SIDE, "width": SIDE} for n in (1, 2)]


def square(score, x, y, side=10, image=1):
    """A COCO result: a square of `side` px with its left upper corner at (x, y)."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[y : y + side, x : x + side] = True
    return dict(image_id=image, category_id=1, bbox=[x, y, side, side], score=score, segmentation=encode(mask))
