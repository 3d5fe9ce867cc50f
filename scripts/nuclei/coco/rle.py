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


def run_lengths(counts):
    """Lengths of the runs, of 0 first, of a compressed RLE string, or None where it is no such string.

    pycocotools decodes without checking, beyond the end of its buffer if need be. Each run is a little-endian base-32
    number of characters from "0" on, from the fourth on as the difference to the run two before it (pycocotools,
    maskApi.c, rleFrString).
    """
    runs, value, shift = [], 0, 0
    for char in counts:
        digit = ord(char) - 48
        if not 0 <= digit < 64:
            return None
        value |= (digit & 0x1F) << shift
        shift += 5
        if shift > 60:
            return None
        if not digit & 0x20:
            if digit & 0x10:
                value -= 1 << shift
            if len(runs) > 2:
                value += runs[-2]
            if not 0 <= value < 2**32:
                return None
            runs.append(value)
            value, shift = 0, 0
    return None if shift else runs


def decode_part(rle):
    """(part, left, top) of a valid RLE that is not empty: the bool mask of its bounding box; undoes encode_part."""
    height = rle["size"][0]
    left, top, width, high = map(int, coco_mask.toBbox(rle))
    runs = run_lengths(rle["counts"])
    runs[0] -= left * height
    ends = len(runs) // 2 * 2  # a last run of 0 stays out
    pixels = np.repeat(np.arange(ends) % 2 == 1, runs[:ends])
    strip = np.zeros((width, height), bool)  # the part's columns, as rows
    strip.ravel()[: len(pixels)] = pixels
    return strip.T[top : top + high].copy(), left, top


def as_rle(segmentation, height, width):
    """RLE of a COCO segmentation: polygons are rasterised by pycocotools, RLE stays as it is."""
    if isinstance(segmentation, list):
        return coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    return segmentation


def bounding_box(mask):
    """(left, top, right, bottom) of the true pixels of a mask; right and bottom exclusive, px."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
