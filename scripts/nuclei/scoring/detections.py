"""Which detections are right at each IoU threshold, image by image: what every score of detections is computed from.

The matching is COCO's (Lin et al., "Microsoft COCO: Common Objects in Context", 2014; the steps are those of
pycocotools, cocoeval.py, evaluateImg). It looks at masks as they were predicted, overlaps and all. A cap does not
change it: a detection is matched before any that is less sure, so the first 100 are right or wrong with or without the
others behind them. That is why one matching serves every cap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

THRESHOLDS = np.linspace(0.5, 0.95, 10)  # IoU, as in COCOeval, whose last digits count
BITS = 1 << np.arange(len(THRESHOLDS))  # the bit of each IoU threshold in `right` of JSON files
CAPS: tuple[int | None, ...] = (100, 300, 1000, None)  # detections per image; None: all of them


@dataclass(frozen=True)
class ImageDetections:
    """The detections of one image, in falling order of their scores (at a tie: in the order of their file).

    nuclei: number of true nuclei. scores: float, (detections,). right: bool, (thresholds, detections): whether a
    detection is right at each IoU of THRESHOLDS. taken: int, (detections,): number of the nucleus that a detection
    takes at IoU 0.50, -1 for none.
    """

    nuclei: int
    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    taken: NDArray[np.int64]


def by_score(scores: Sequence[float]) -> NDArray[np.int64]:
    """Order of detections by falling score; those with equal scores stay in their order.

    >>> by_score([0.2, 0.9, 0.9]).tolist()
    [1, 2, 0]
    """
    return np.argsort(-np.asarray(scores, float), kind="stable")


def take_nuclei(iou: NDArray[np.float64], least: float) -> NDArray[np.int64]:
    """The nucleus that each detection takes, -1 for none.

    iou: float, (nuclei, detections), the detections by falling score. least: smallest IoU of a match. Each detection in
    turn takes the free nucleus of largest IoU; of several with the same IoU the last one, as pycocotools does.
    Returns int, (detections,).

    >>> take_nuclei(np.array([[0.9, 0.8], [0.6, 0.4]]), 0.5).tolist()
    [0, -1]
    """
    taken = np.full(iou.shape[1], -1)
    free = np.ones(iou.shape[0], bool)
    # only pairs that could match are looked at: a detection reaches one nucleus or two, of hundreds
    rows, columns = np.nonzero(iou >= min(least, 1 - 1e-10))
    order = np.lexsort((-rows, -iou[rows, columns], columns))
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if taken[column] < 0 and free[row]:
            taken[column] = row
            free[row] = False
    return taken


def match_detections(iou: NDArray[np.float64], scores: NDArray[np.float64]) -> ImageDetections:
    """The detections of one image, matched at every threshold.

    iou: float, (nuclei, detections); scores: float, (detections,); both with the detections by falling score.
    """
    taken = [take_nuclei(iou, least) for least in THRESHOLDS]
    return ImageDetections(len(iou), scores, np.array([found >= 0 for found in taken]), taken[0])
