"""COCO run-length encoding of masks and of segmentations in any form."""

import numpy as np
from pycocotools import mask as coco_mask


def encode(mask):
    """COCO RLE {"size": [height, width], "counts": str} of a bool mask."""
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode()}


def encode_part(part, left, top, size):
    """COCO RLE of a mask of `size` (width, height) px that is all 0 but for `part` (bool) at (left, top).

    The same as encode() of the whole mask, without going through all its pixels.
    """
    width, height = size
    strip = np.zeros((part.shape[1] + 2, height), bool)  # the part's columns, as rows, and an empty one on each side
    strip[1:-1, top : top + part.shape[0]] = part.T
    changes = np.flatnonzero(np.diff(strip.ravel())) + 1 + (left - 1) * height
    runs = np.diff([0, *changes.tolist(), width * height]).tolist()
    runs = runs if runs[-1] else runs[:-1]  # where the last pixel belongs to the mask
    rle = coco_mask.frPyObjects({"size": [height, width], "counts": runs}, height, width)
    return {"size": [height, width], "counts": rle["counts"].decode()}


def as_rle(segmentation, height, width):
    """RLE of a COCO segmentation: polygons are rasterised by pycocotools, RLE stays as it is."""
    if isinstance(segmentation, list):
        return coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    return segmentation


def bounding_box(mask):
    """(left, top, right, bottom) of the true pixels of a mask; right and bottom exclusive, px."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
