"""Matching of masks by their IoU (intersection over union): the pixels in both, divided by the pixels in either."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from nuclei.coco.types import RLE

SAME_NUCLEUS = 0.5  # mask IoU from which two masks count as one nucleus: the threshold of the report's metric, AP50


def iou_matrix(first: Sequence[RLE], second: Sequence[RLE]) -> NDArray[np.float64]:
    """Mask IoU of every RLE of `first` (rows) with every RLE of `second` (columns); 0 to 1.

    first, second: lists (pycocotools takes no tuples) of RLEs of one image size. Returns float64 of shape
    (len(first), len(second)), also where one of them is empty. Computed by pycocotools, without crowds.
    """
    if not first or not second:
        return np.zeros((len(first), len(second)))
    return np.asarray(coco_mask.iou(first, second, [False] * len(second)))


def greedy_pairs(iou: NDArray[np.float64], least: float = SAME_NUCLEUS) -> Iterator[tuple[int, int]]:
    """Yield one-to-one pairs (row, column) with iou >= least.

    iou: float, (rows, columns). Each column in turn gets the row of largest IoU that no column before it took. Where
    the columns are predictions, surest first, and the rows are true instances, this is COCO's matching (Lin et al.,
    "Microsoft COCO: Common Objects in Context", 2014; cocodataset.org/#detection-eval).

    >>> list(greedy_pairs(np.array([[0.9, 0.8], [0.6, 0.4]])))
    [(0, 0)]
    """
    taken = np.zeros(len(iou), bool)
    for column in range(iou.shape[1]):
        values = np.where(taken, -1.0, iou[:, column])
        if len(values) and values.max() >= least:
            taken[row := int(values.argmax())] = True
            yield row, column


def match(
    truth: Sequence[RLE], found: Sequence[RLE], least: float = SAME_NUCLEUS
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which predictions match a true nucleus, and which nuclei are matched; see greedy_pairs.

    truth, found: lists of RLEs of one image; found: surest first. least: smallest mask IoU of a match.
    Returns (whether each prediction matches, whether each nucleus is matched): bool, (len(found),) and (len(truth),).
    """
    right, taken = np.zeros(len(found), bool), np.zeros(len(truth), bool)
    for row, column in greedy_pairs(iou_matrix(truth, found), least):
        right[column] = taken[row] = True
    return right, taken
