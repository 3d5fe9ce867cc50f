"""Metrics of whole segmentations: AJI, AJI+, PQ, DQ, SQ, Dice, F1, precision, recall, the Data Science Bowl score.

Each is a quotient of sums over images, so that an image can count more or less than once (a resample), and each has two
values: pooled (the quotient of the sums over all images) and the mean over images of its value in each image. Papers
give the one or the other and seldom say which.

Sources. AJI: Kumar et al., "A Dataset and a Technique for Generalized Nuclear Segmentation for Computational
Pathology", IEEE TMI 2017, algorithm 1. AJI+: Graham et al., "HoVer-Net", Medical Image Analysis 2019, section 4.1 and
its code. PQ, DQ (there RQ), SQ: Kirillov et al., "Panoptic Segmentation", CVPR 2019, section 4. Data Science Bowl:
Caicedo et al., Nature Methods 2019, and the competition's page of its metric.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from nuclei.scoring.detections import ImageDetections
from nuclei.scoring.label_map import Overlap

TWENTIETHS = np.arange(10, 20)  # the thresholds 0.50, 0.55, … 0.95 in twentieths, so that they are compared exactly

Sums = dict[str, float]
Columns = Mapping[str, NDArray[np.float64]]


def aji_sums(pairs: Overlap) -> tuple[int, int]:
    """(intersection C, union U) of AJI; AJI is C / U.

    Each nucleus gets the detection of largest IoU with it (of several equal ones the first), which may serve several
    nuclei. Their intersections are added to C, their unions to U; nuclei that nothing overlaps, and detections that no
    nucleus got, are added to U.
    """
    iou = pairs.shared / pairs.union
    order = np.lexsort((pairs.found, -iou, pairs.true))
    best = order[np.unique(pairs.true[order], return_index=True)[1]]
    alone = np.setdiff1d(np.arange(len(pairs.true_area)), pairs.true)
    unused = np.setdiff1d(np.arange(len(pairs.found_area)), pairs.found[best])
    union = pairs.union[best].sum() + pairs.true_area[alone].sum() + pairs.found_area[unused].sum()
    return int(pairs.shared[best].sum()), int(union)


def aji_plus_sums(pairs: Overlap) -> tuple[int, int]:
    """(intersection, union) of AJI+: nuclei and detections are paired one to one so that the sum of IoUs is largest."""
    iou = np.zeros((len(pairs.true_area), len(pairs.found_area)))
    shared = np.zeros(iou.shape, int)
    iou[pairs.true, pairs.found] = pairs.shared / pairs.union
    shared[pairs.true, pairs.found] = pairs.shared
    rows, columns = linear_sum_assignment(iou, maximize=True)
    inside = int(shared[rows, columns].sum())
    # paired or not, every region counts once in the union, and what a pair shares counts once less
    return inside, int(pairs.true_area.sum() + pairs.found_area.sum()) - inside


def map_sums(pairs: Overlap) -> Sums:
    """The sums over one image that the metrics of label maps are quotients of.

    Two regions match at a threshold where their IoU is larger than it. At 0.50 and above no region has two matches,
    since regions of a label map share no pixel.
    """
    union = pairs.union
    above = pairs.shared[:, None] * 20 > union[:, None] * TWENTIETHS  # (pairs, thresholds)
    matched = above[:, 0]
    area = pairs.true_area[pairs.true] + pairs.found_area[pairs.found]
    (aji, aji_union), (plus, plus_union) = aji_sums(pairs), aji_plus_sums(pairs)
    return {
        "aji_shared": aji,
        "aji_union": aji_union,
        "plus_shared": plus,
        "plus_union": plus_union,
        "true": len(pairs.true_area),
        "found": len(pairs.found_area),
        "matched": int(matched.sum()),
        "iou": float((pairs.shared[matched] / union[matched]).sum()),
        "dice": float((2 * pairs.shared[matched] / area[matched]).sum()),
        "both_px": int(pairs.shared.sum()),
        "true_px": int(pairs.true_area.sum()),
        "found_px": int(pairs.found_area.sum()),
        **{f"matched_{5 * at}": int(count) for at, count in zip(TWENTIETHS, above.sum(axis=0), strict=True)},
    }


def detection_sums(image: ImageDetections, threshold: float) -> Sums:
    """The sums over one image that F1, precision and recall are quotients of.

    Masks as predicted, overlaps not removed, from the score threshold on; matched at IoU 0.50 or more by COCO's rule.
    """
    kept = image.scores >= threshold
    return {"nuclei": image.nuclei, "kept": int(kept.sum()), "right": int(image.right[0, kept].sum())}


def quotient(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """above / below, NaN where below is 0."""
    return np.divide(above, below, out=np.full(np.shape(below), np.nan), where=np.asarray(below) != 0)


def bowl(sums: Columns) -> NDArray[np.float64]:
    """The Data Science Bowl's score: right / (right + false + missed), as the mean over its thresholds."""
    parts = [sums[f"matched_{5 * at}"] for at in TWENTIETHS]
    return np.mean([quotient(part, sums["true"] + sums["found"] - part) for part in parts], axis=0)


# name: value of the metric for sums, each an array (resamples,)
METRICS: dict[str, Callable[[Columns], NDArray[np.float64]]] = {
    "aji": lambda sums: quotient(sums["aji_shared"], sums["aji_union"]),
    "aji_plus": lambda sums: quotient(sums["plus_shared"], sums["plus_union"]),
    "pq": lambda sums: quotient(2 * sums["iou"], sums["true"] + sums["found"]),
    "dq": lambda sums: quotient(2 * sums["matched"], sums["true"] + sums["found"]),
    "sq": lambda sums: quotient(sums["iou"], sums["matched"]),
    "dice_pixels": lambda sums: quotient(2 * sums["both_px"], sums["true_px"] + sums["found_px"]),
    "dice_matched": lambda sums: quotient(sums["dice"], sums["matched"]),
    "f1": lambda sums: quotient(2 * sums["right"], sums["nuclei"] + sums["kept"]),
    "precision": lambda sums: quotient(sums["right"], sums["kept"]),
    "recall": lambda sums: quotient(sums["right"], sums["nuclei"]),
    "bowl": bowl,
}
