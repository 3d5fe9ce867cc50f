"""Matching of masks by their IoU."""

import numpy as np
from pycocotools import mask as coco_mask

SAME = 0.5  # mask IoU from which two detections are of one nucleus, as in the report's metric


def overlaps(first, second):
    """Mask IoU of every RLE of `first` with every one of `second`."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    return np.asarray(coco_mask.iou(first, second, [False] * len(second)))


def pairs(iou, least=SAME):
    """One-to-one pairs (row, column) with iou >= least, columns in order, each with the best row that is left."""
    taken = np.zeros(len(iou), bool)
    for column in range(iou.shape[1]):
        values = np.where(taken, -1.0, iou[:, column])
        if len(values) and values.max() >= least:
            taken[row := int(values.argmax())] = True
            yield row, column
