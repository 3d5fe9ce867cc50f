"""What a score loses to which kind of error: how much AP50 rises where all errors of one kind are taken away.

The kinds and what "taken away" means are those of Bolya et al., "TIDE: A General Toolbox for Identifying Object
Detection Errors" (ECCV 2020, sections 2.2 and 2.3), for one class and for masks. A wrong detection is
- a duplicate where its IoU with a nucleus that a surer detection took is above 0.50; repaired: it is left out;
- badly placed where its largest IoU is from 0.10 to 0.50; repaired: the surest one of a free nucleus becomes right,
  the others are left out;
- background where its largest IoU is below 0.10; repaired: it is left out.
A nucleus that no detection took is missed, unless a badly placed one would take it; repaired: it no longer counts.
The gains do not add up to 1 - AP50, since errors hide each other.
"""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from nuclei.scoring.detections import ImageDetections
from nuclei.scoring.staircase import list_score

BACKGROUND, RIGHT = 0.1, 0.5  # IoU: below the first a detection hits nothing, from the second on it hits

Iou = NDArray[np.float64]


class ErrorShares(TypedDict):
    """ap50: of all detections, without a cap. gains: what AP50 gains without one kind. counts: errors of each kind.

    Kinds: placed (badly), duplicate, background, missed; also false_positives (all wrong detections left out) and
    false_negatives (all missed nuclei no longer count).
    """

    ap50: float
    gains: dict[str, float]
    counts: dict[str, int]


def wrong_kinds(image: ImageDetections, iou: Iou) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """(kind of each detection, nucleus that a badly placed one would take, else -1) of one image.

    iou: float, (nuclei, detections), the detections by falling score. Kinds: right, duplicate, placed, background.
    """
    count = len(image.scores)
    kinds = np.full(count, "background", "<U10")
    target = np.full(count, -1)
    if image.nuclei:
        best = iou.max(axis=0)
        kinds[best >= BACKGROUND] = "placed"
        kinds[best > RIGHT] = "duplicate"  # where it is not right, somebody surer holds each such nucleus
        placed = kinds == "placed"
        target[placed] = iou[:, placed].argmax(axis=0)
    kinds[image.right[0]] = "right"
    target[kinds != "placed"] = -1
    return kinds, target


def rescuers(image: ImageDetections, target: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which badly placed detections become right when they are repaired: the surest one of each free nucleus."""
    chosen = np.zeros(len(target), bool)
    wanted, first = np.unique(target, return_index=True)
    free = (wanted >= 0) & ~np.isin(wanted, image.taken)
    chosen[first[free]] = True
    return chosen


def error_shares(
    images: Sequence[ImageDetections], kinds_of: Sequence[NDArray[np.str_]], saved_of: Sequence[NDArray[np.bool_]]
) -> ErrorShares | None:
    """What AP50 without a cap loses to each kind of error; None without nuclei.

    kinds_of, saved_of: of each image what wrong_kinds and rescuers return.
    """
    nuclei = sum(image.nuclei for image in images)
    if not nuclei:
        return None
    order = np.argsort(-np.concatenate([image.scores for image in images]), kind="stable")
    kinds, saved = np.concatenate(kinds_of)[order], np.concatenate(saved_of)[order]
    right = kinds == "right"
    free = nuclei - int(right.sum())
    # a nucleus that some badly placed detection would take is an error of that detection
    missed = free - int(saved.sum())
    ap50 = list_score(right, nuclei)
    repaired = {
        "placed": list_score((right | saved)[(kinds != "placed") | saved], nuclei),
        "duplicate": list_score(right[kinds != "duplicate"], nuclei),
        "background": list_score(right[kinds != "background"], nuclei),
        "missed": list_score(right, nuclei - missed) if nuclei > missed else 0.0,
        "false_positives": list_score(right[right], nuclei),
        "false_negatives": list_score(right, nuclei - free) if nuclei > free else 0.0,
    }
    counts = {kind: int(np.count_nonzero(kinds == kind)) for kind in ("placed", "duplicate", "background")}
    return {
        "ap50": ap50,
        "gains": {kind: value - ap50 for kind, value in repaired.items()},
        "counts": {**counts, "missed": missed, "false_positives": int((~right).sum()), "false_negatives": free},
    }
