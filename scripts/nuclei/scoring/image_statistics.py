"""What every score of one image is computed from, and the scores of images that count more or less than once.

The stage score_instances looks at masks once and keeps these statistics, in image_statistics.json. Whatever asks for
hundreds of resamples of the images (nuclei.scoring.intervals) works on them alone and looks at no mask.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nuclei.scoring.curves import curve_scores, wanted_counts
from nuclei.scoring.detections import BITS, CAPS, ImageDetections
from nuclei.scoring.instance_metrics import METRICS, Sums, quotient
from nuclei.scoring.staircase import CAP

Values = dict[str, NDArray[np.float64]]


def cap_name(cap: int | None) -> str:
    """End of the name of a score with a cap: `100`, or `all` without one."""
    return "all" if cap is None else str(cap)


CURVE_NAMES = tuple(f"{kind}_{cap_name(cap)}" for cap in CAPS for kind in ("ap", "ap50", "ap75", "ar"))


# `ap50_100` is the report's metric; `share` is that divided by its ceiling, `right_100` the share of right ones among
# the surest 100 detections of each image.
NAMES = (*CURVE_NAMES, "share", "right_100", *METRICS)


@dataclass(frozen=True)
class ImageStatistics:
    """What the scores of one image are computed from.

    image_id, file_name: as in the ground truth. organ: "" where it is not known. detections: all detections, matched.
    sums: of the detections from the score threshold on; see nuclei.scoring.instance_metrics. right, iou, dice: float,
    (nuclei,): of each nucleus whether a detection takes it (1 or 0), and IoU and Dice of its match in the label maps
    (0 without one).
    """

    image_id: int
    file_name: str
    organ: str
    detections: ImageDetections
    sums: Sums
    right: NDArray[np.float64]
    iou: NDArray[np.float64]
    dice: NDArray[np.float64]

    def row(self) -> dict[str, Any]:
        """The image's row of image_statistics.json."""
        found = self.detections
        return {
            "image_id": self.image_id,
            "file_name": self.file_name,
            "organ": self.organ,
            "scores": found.scores.tolist(),
            "right": (BITS @ found.right).tolist(),
            "taken": found.taken.tolist(),
            "sums": self.sums,
            "nuclei": {name: getattr(self, name).tolist() for name in ("right", "iou", "dice")},
        }


def from_row(row: Mapping[str, Any]) -> ImageStatistics:
    """The statistics of a row of image_statistics.json.

    KeyError, TypeError, OverflowError or ValueError where it has another content.
    """
    scores, bits, taken = np.array(row["scores"], float), np.array(row["right"], int), np.array(row["taken"], int)
    nuclei = [np.array(row["nuclei"][name], float) for name in ("right", "iou", "dice")]
    count, right = len(nuclei[0]), (bits & BITS[:, None]) > 0
    sums = {name: float(value) for name, value in row["sums"].items()}
    if {array.shape for array in (scores, bits, taken)} != {(len(scores),)} or {a.shape for a in nuclei} != {(count,)}:
        raise ValueError("lists of other lengths")
    if not np.isfinite([*scores, *sums.values(), *np.concatenate(nuclei)]).all() or (np.diff(scores) > 0).any():
        raise ValueError("scores that rise, or numbers that are not finite")
    if (right.sum(axis=1) > count).any() or not ((taken >= -1) & (taken < count)).all():
        raise ValueError("more right detections than nuclei")
    for metric in METRICS.values():  # KeyError where a sum is missing
        metric({name: np.array([value]) for name, value in sums.items()})
    found = ImageDetections(count, scores, right, taken)
    return ImageStatistics(int(row["image_id"]), str(row["file_name"]), str(row["organ"]), found, sums, *nuclei)


def ceilings(nuclei: NDArray[np.int64], weights: NDArray[np.int64]) -> NDArray[np.float64]:
    """Ceiling of the report's metric for weighted images: float, (resamples,); NaN without nuclei."""
    total, most = weights @ nuclei, weights @ np.minimum(nuclei, CAP)
    reached = (wanted_counts(np.maximum(total, 1)) <= most[:, None]).sum(axis=1)
    return quotient(reached * (total > 0), np.where(total > 0, 101.0, 0.0))


def pooled(images: Sequence[ImageStatistics], weights: NDArray[np.int64]) -> Values:
    """Every score of weighted images, as if they were one: {name of NAMES: float, (resamples,)}.

    weights: int, (resamples, images): how often each image counts. NaN where a score has no value, such as SQ without a
    match.
    """
    found = [image.detections for image in images]
    values: Values = {}
    lengths = [len(image.scores) for image in found]
    scores: Values = {}
    reached = 0
    for cap in CAPS:
        if not scores or max(lengths) > reached:  # else the cap before let all detections through
            scores = curve_scores(found, cap, weights)
        reached = max(lengths) if cap is None else cap
        values |= {f"{kind}_{cap_name(cap)}": score for kind, score in scores.items()}
    nuclei = np.array([image.nuclei for image in found])
    counted = np.minimum(lengths, CAP)
    right = np.array([np.count_nonzero(image.right[0, :CAP]) for image in found])
    values["share"] = quotient(values["ap50_100"], ceilings(nuclei, weights))
    values["right_100"] = quotient((weights @ right).astype(float), (weights @ counted).astype(float))
    sums = {name: weights @ np.array([image.sums[name] for image in images], float) for name in images[0].sums}
    return values | {name: metric(sums) for name, metric in METRICS.items()}


def of_each(images: Sequence[ImageStatistics]) -> Values:
    """Every score of each image taken alone: {name: float, (images,)}."""
    one = np.ones((1, 1), int)
    alone = [pooled([image], one) for image in images]
    return {name: np.concatenate([values[name] for values in alone]) for name in NAMES}


def mean(values: Mapping[str, NDArray[np.float64]], weights: NDArray[np.int64]) -> Values:
    """Every score as the mean over weighted images; values: of of_each(). Images without a value are left out."""
    result = {}
    for name, each in values.items():
        known = ~np.isnan(each)
        result[name] = quotient(weights[:, known] @ each[known], weights[:, known].sum(axis=1).astype(float))
    return result
