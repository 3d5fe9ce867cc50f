"""COCO's run-length encoding (RLE) of masks.

An RLE lists the lengths of runs of equal pixels, column by column from the top left, starting with a run of 0 (which
may be of length 0). COCO's files hold the list compressed to a string. Masks are bool arrays of shape (height, width);
x right, y down, px; boxes go along pixel edges, which lie at integers.
"""

from typing import cast

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from nuclei.coco.types import RLE, BinaryRLE, Segmentation


def encode(mask: NDArray[np.bool_]) -> RLE:
    """RLE of a bool mask of shape (height, width).

    >>> encode(np.array([[False, True], [False, True]]))
    {'size': [2, 2], 'counts': '22'}
    """
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode()}


def encode_part(part: NDArray[np.bool_], left: int, top: int, size: tuple[int, int]) -> RLE:
    """RLE of a whole mask of which only a part is given: all pixels outside of the part are 0.

    part: bool, (height, width). left, top: where its first pixel lies in the whole mask, px. size: (width, height) of
    the whole mask, px. Equal to encode() of the whole mask, but takes time for the part alone.
    """
    width, height = size
    # Run lengths go down the columns, so columns become rows here; an empty column on each side ends the outer runs.
    strip = np.zeros((part.shape[1] + 2, height), bool)
    strip[1:-1, top : top + part.shape[0]] = part.T
    changes = np.flatnonzero(np.diff(strip.ravel())) + 1 + (left - 1) * height
    runs = np.diff([0, *changes.tolist(), width * height]).tolist()
    runs = runs if runs[-1] else runs[:-1]  # the last run is empty where the last pixel belongs to the mask
    rle = coco_mask.frPyObjects({"size": [height, width], "counts": runs}, height, width)
    return {"size": [height, width], "counts": rle["counts"].decode()}


def run_lengths(counts: str) -> list[int] | None:
    """Lengths of the runs of a compressed RLE, px, the first one of 0; None where the text is no compressed RLE.

    pycocotools decodes without any check and reads beyond the end of its buffer if the text says so, so texts from
    outside come here first. Format (pycocotools 2.0.11, maskApi.c, rleFrString): each number is a row of characters
    from "0" (48) on. A character holds 5 bits of the number, the lowest bits first, and a sixth bit that says whether
    more follow; the highest of the last 5 bits is the sign. From the fourth number on, it is the difference to the run
    two places before, which has the same pixel value.

    >>> run_lengths("22"), run_lengths("2 2")
    ([2, 2], None)
    """
    runs: list[int] = []
    value, shift = 0, 0
    for char in counts:
        digit = ord(char) - 48
        if not 0 <= digit < 64:
            return None
        value |= (digit & 0x1F) << shift
        shift += 5
        if shift > 60:  # no run of a real mask is that long
            return None
        if not digit & 0x20:
            if digit & 0x10:
                value -= 1 << shift
            if len(runs) > 2:
                value += runs[-2]
            if not 0 <= value < 2**32:  # pycocotools keeps runs as 32-bit numbers
                return None
            runs.append(value)
            value, shift = 0, 0
    return None if shift else runs


def decode_part(rle: RLE) -> tuple[NDArray[np.bool_], int, int]:
    """(part, left, top) of a valid RLE that is not empty: the mask within its bounding box. Undoes encode_part.

    part: bool, (height, width) of the bounding box. left, top: where its first pixel lies in the whole mask, px.
    """
    height = rle["size"][0]
    left, top, width, high = map(int, coco_mask.toBbox(rle))
    runs = cast("list[int]", run_lengths(rle["counts"]))
    runs[0] -= left * height  # the columns left of the bounding box
    ends = len(runs) // 2 * 2  # without the last run where it is one of 0
    pixels = np.repeat(np.arange(ends) % 2 == 1, runs[:ends])
    strip = np.zeros((width, height), bool)  # columns as rows, since runs go down the columns
    strip.ravel()[: len(pixels)] = pixels
    return strip.T[top : top + high].copy(), left, top


def as_rle(segmentation: Segmentation, height: int, width: int) -> RLE | BinaryRLE:
    """RLE of a COCO segmentation of any form, for functions of pycocotools.

    Polygons are rasterised by pycocotools in an image of height x width px and united; their counts are bytes. An RLE
    stays as it is.
    """
    if isinstance(segmentation, list):
        return coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    return segmentation


def bounding_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the true pixels of a mask, px; right and bottom exclusive.

    mask: bool, (height, width). Raises IndexError where no pixel is true.

    >>> bounding_box(np.array([[False, False, False], [False, True, True]]))
    (1, 1, 3, 2)
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
