"""Matching of masks by their IoU."""

import numpy as np
from pycocotools import mask as coco_mask

SAME_NUCLEUS = 0.5  # mask IoU from which two masks are of one nucleus, as in the report's metric


def iou_matrix(first, second):
    """Mask IoU of every RLE of `first` (rows) with every one of `second` (columns)."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    return np.asarray(coco_mask.iou(first, second, [False] * len(second)))


def greedy_pairs(iou, least=SAME_NUCLEUS):
    """Yield one-to-one pairs (row, column) with iou >= least.

    Columns are taken in their order, each with the best row that is left, as COCO matches predictions, surest first,
    to true instances (Lin et al., "Microsoft COCO: Common Objects in Context", 2014).
    """
    taken = np.zeros(len(iou), bool)
    for column in range(iou.shape[1]):
        values = np.where(taken, -1.0, iou[:, column])
        if len(values) and values.max() >= least:
            taken[row := int(values.argmax())] = True
            yield row, column


def match(truth, found, least=SAME_NUCLEUS):
    """Which of the predictions (surest first) match a true nucleus, each nucleus once.

    truth, found: lists of COCO RLEs. Returns (matched predictions, matched nuclei), bool arrays.
    """
    right, taken = np.zeros(len(found), bool), np.zeros(len(truth), bool)
    for row, column in greedy_pairs(iou_matrix(truth, found), least):
        right[column] = taken[row] = True
    return right, taken
