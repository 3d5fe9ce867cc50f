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


def encode_part(part, x, y, height, width):
    """COCO RLE of a bool mask that lies with its left upper corner at (x, y) of a frame, which is never drawn."""
    columns = np.zeros((part.shape[1], part.shape[0] + 1), np.int8)
    columns[:, :-1] = part.T
    change = np.diff(columns, axis=1, prepend=0)
    (column, start), (_, end) = np.nonzero(change == 1), np.nonzero(change == -1)
    start, end = (np.asarray(side + y + (column + x) * height) for side in (start, end))
    joined = start[1:] == end[:-1]  # a run that goes on at the top of the next column
    edges = np.column_stack([start[np.append(True, ~joined)[: len(start)]], end[np.append(~joined, True)[: len(end)]]])
    counts = np.diff(np.concatenate([[0], edges.ravel(), [height * width]]))
    counts = counts[:-1] if counts[-1] == 0 else counts
    rle = coco_mask.frPyObjects({"size": [height, width], "counts": counts.tolist()}, height, width)
    return {"size": [height, width], "counts": rle["counts"].decode()}
