"""Calibration: whether a detection with the score 0.8 is right in 8 of 10 cases.

Detections are put into bins by their score; in each bin the mean score is compared with the share of right detections.
The expected calibration error (ECE) is the mean of the absolute differences, weighted by the numbers of detections
(Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3, on detections as in Kueppers et al.,
"Multivariate Confidence Calibration for Object Detection", CVPR Workshops 2020). A detection is right at a mask IoU of
0.50 or more, by COCO's matching, without a cap. Nuclei that were missed have no score and do not count here.
"""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from nuclei.scoring.detections import ImageDetections

BINS = 10


class Bin(TypedDict):
    """Detections whose score is in [low, high); the last bin holds 1 and more, too, the first one all below 0."""

    low: float
    high: float
    detections: int
    score: float | None  # mean score
    right: float | None  # share of right ones


class Calibration(TypedDict):
    """ece: expected calibration error, 0 to 1; None without detections. bins: by rising score."""

    ece: float | None
    bins: list[Bin]


def calibration(images: Sequence[ImageDetections], bins: int = BINS) -> Calibration:
    """How well the scores of all detections of these images say how often they are right."""
    scores = np.concatenate([image.scores for image in images])
    right = np.concatenate([image.right[0] for image in images])
    # scores of Mask Scoring R-CNN may lie outside of 0 and 1
    place = np.clip(np.floor(scores * bins).astype(int), 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    means = np.bincount(place, scores, bins) / np.maximum(counts, 1)
    shares = np.bincount(place, right, bins) / np.maximum(counts, 1)
    rows: list[Bin] = [
        {
            "low": at / bins,
            "high": (at + 1) / bins,
            "detections": int(count),
            "score": float(means[at]) if count else None,
            "right": float(shares[at]) if count else None,
        }
        for at, count in enumerate(counts)
    ]
    gap = np.abs(means - shares)
    return {"ece": float((gap * counts).sum() / counts.sum()) if len(scores) else None, "bins": rows}
