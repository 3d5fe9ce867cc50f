"""AP and AR of images that count more or less than once: precision and recall of weighted images.

Intervals and comparisons need AP for hundreds of resamples of the same images. A resample is a weight for each image:
how often it was drawn. An image that was drawn twice is there twice, with its nuclei and its detections; the copies of
a detection stand beside each other in the ranking.

AP is that of nuclei.scoring.average_precision (a test holds that both give the same numbers); AR is COCO's: the largest
recall that is reached with the cap, as the mean over the IoU thresholds. Source: cocodataset.org/#detection-eval.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nuclei.scoring.detections import ImageDetections

RECALL_THRESHOLDS = np.linspace(0.0, 1.0, 101)  # as in COCOeval
AT_50, AT_75 = 0, 5  # places of these IoUs among the thresholds


@dataclass(frozen=True)
class Ranking:
    """The detections of several images as one list by falling score; ties in the order of the images.

    image: int, (detections,), number of a detection's image. right: bool, (thresholds, detections). nuclei: int,
    (images,).
    """

    image: NDArray[np.int64]
    right: NDArray[np.bool_]
    nuclei: NDArray[np.int64]


def rank(images: Sequence[ImageDetections], cap: int | None) -> Ranking:
    """The detections of images in one list, at most `cap` of each (None: all)."""
    kept = [image.scores[:cap] for image in images]
    order = np.argsort(-np.concatenate(kept), kind="stable") if kept else np.zeros(0, int)
    numbers = np.repeat(np.arange(len(images)), [len(scores) for scores in kept])
    right = np.concatenate([image.right[:, :cap] for image in images], axis=1)
    return Ranking(numbers[order], right[:, order], np.array([image.nuclei for image in images]))


def wanted_counts(nuclei: NDArray[np.int64]) -> NDArray[np.int64]:
    """Smallest number of right detections that reaches each recall threshold.

    nuclei: int, (resamples,), above 0. Returns int, (resamples, 101). The comparison is that of COCOeval: a quotient of
    floating-point numbers with the threshold, where 35 of 100 is less than the threshold 0.35.

    >>> wanted_counts(np.array([2360]))[0, [23, 24, 25]].tolist()
    [543, 567, 590]
    """
    total = nuclei[:, None]
    count = np.maximum(np.floor(RECALL_THRESHOLDS * total).astype(int) - 1, 0)
    for _ in range(3):
        count += count / total < RECALL_THRESHOLDS
    return count


def interpolated(hits: NDArray[np.int64], ranks: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.float64]:
    """Interpolated precision at each recall threshold.

    hits, ranks: int, (resamples, right ones): how many right detections, and how many of any kind, there are up to each
    right one. wanted: int, (resamples, thresholds). Returns float, (resamples, thresholds), 0 where the recall is not
    reached.
    """
    precision = np.divide(hits, ranks, out=np.zeros(hits.shape), where=ranks > 0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    ended = np.concatenate([envelope, np.zeros((len(hits), 1))], axis=1)
    # one search for all rows: each row's numbers are lifted above those of the row before
    lift = (max(int(hits.max(initial=0)), int(wanted.max())) + 1) * np.arange(len(hits))[:, None]
    at = np.searchsorted((hits + lift).ravel(), (wanted + lift).ravel()).reshape(wanted.shape)
    at -= hits.shape[1] * np.arange(len(hits))[:, None]
    return np.take_along_axis(ended, np.clip(at, 0, hits.shape[1]), axis=1)


def precisions(ranking: Ranking, weights: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(AP at each IoU, recall at each IoU) of weighted images; each float, (resamples, thresholds).

    weights: int, (resamples, images). A resample without any nucleus has NaN.
    """
    nuclei = weights @ ranking.nuclei
    none = nuclei == 0
    wanted = wanted_counts(np.where(none, 1, nuclei))
    ranks = np.cumsum(weights[:, ranking.image], axis=1)
    values = np.zeros((2, len(weights), len(ranking.right)))
    for at, right in enumerate(ranking.right):
        places = np.flatnonzero(right)
        hits = np.cumsum(weights[:, ranking.image[places]], axis=1)
        values[0, :, at] = interpolated(hits, ranks[:, places], wanted).mean(axis=1)
        if len(places):
            values[1, :, at] = hits[:, -1] / np.where(none, 1, nuclei)
    values[:, none] = np.nan
    return values[0], values[1]


def curve_scores(
    images: Sequence[ImageDetections], cap: int | None, weights: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """{"ap", "ap50", "ap75", "ar"}: float, (resamples,), of weighted images with at most `cap` detections each."""
    average, recall = precisions(rank(images, cap), weights)
    return {
        "ap": average.mean(axis=1),
        "ap50": average[:, AT_50],
        "ap75": average[:, AT_75],
        "ar": recall.mean(axis=1),
    }
