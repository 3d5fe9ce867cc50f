"""Every nucleus and every detection of a segmentation, and what went right or wrong with it.

It looks at the detections from the score threshold on, with their masks as predicted (overlaps not removed). A nucleus
and a detection match at an IoU of 0.50 or more, by COCO's rule. All others are named by what covers what: a region
covers another if it holds at least half of its pixels.

A nucleus is
- matched;
- merged: not matched, and a detection that covers it covers another nucleus too;
- split: neither, and it covers two or more detections that together share at least half of its pixels with it;
- missed: none of these.
A detection is
- matched;
- duplicated: its IoU with a nucleus is 0.50 or more, but a surer one took that nucleus;
- merging: it covers two or more nuclei;
- splitting: it is one of the detections that a split nucleus covers;
- false: none of these.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from nuclei.coco.matching import SAME_NUCLEUS
from nuclei.coco.types import RLE
from nuclei.scoring.error_kinds import DETECTION_KINDS, NUCLEUS_KINDS

COVERED = 0.5  # share of its pixels from which a region is covered


@dataclass(frozen=True)
class Named:
    """What each nucleus and each detection of an image is.

    nuclei, detections: kinds, (nuclei,) and (detections,). partner: of each nucleus the detection that it concerns:
    the one that took it, else that of largest IoU, -1 where none touches it. iou: with that one. found_partner,
    found_iou: the same of each detection.
    """

    nuclei: NDArray[np.str_]
    detections: NDArray[np.str_]
    partner: NDArray[np.int64]
    iou: NDArray[np.float64]
    found_partner: NDArray[np.int64]
    found_iou: NDArray[np.float64]


def name_errors(
    iou: NDArray[np.float64],
    taken: NDArray[np.int64],
    true_area: NDArray[np.int64],
    found_area: NDArray[np.int64],
) -> Named:
    """Name the nuclei and the detections of one image.

    iou: float, (nuclei, detections), detections by falling score, those below the threshold left out. taken: int,
    (detections,), the nucleus that each takes at IoU 0.50, -1 for none. Areas: int, px.
    """
    # pixels that a pair shares, from its IoU: whole numbers, hence rounded
    shared = np.rint(iou / (1 + iou) * (true_area[:, None] + found_area[None, :]))
    covers = shared >= COVERED * true_area[:, None]  # the detection covers the nucleus
    inside = (shared >= COVERED * found_area[None, :]) & (shared > 0)  # the nucleus covers the detection
    held = np.zeros(len(true_area), bool)
    held[taken[taken >= 0]] = True
    merging = covers.sum(axis=0) >= 2
    merged = ~held & covers[:, merging].any(axis=1)
    pieces = np.where(inside, shared, 0).sum(axis=1)
    split = ~held & ~merged & (inside.sum(axis=1) >= 2) & (pieces >= COVERED * true_area)
    nuclei = np.select([held, merged, split], NUCLEUS_KINDS[:3], NUCLEUS_KINDS[3])
    high = (iou >= SAME_NUCLEUS).any(axis=0)
    splitting = inside[split].any(axis=0)
    detections = np.select([taken >= 0, high, merging, splitting], DETECTION_KINDS[:4], DETECTION_KINDS[4])
    partner, found_partner = _best(iou, 1), _best(iou, 0)
    places = np.flatnonzero(taken >= 0)
    partner[taken[places]] = places
    found_partner[places] = taken[places]
    return Named(nuclei, detections, partner, _at(iou, partner), found_partner, _at(iou.T, found_partner))


def _best(iou: NDArray[np.float64], axis: int) -> NDArray[np.int64]:
    """Place of the largest IoU along an axis, -1 where all are 0."""
    if not iou.shape[axis]:
        return np.full(iou.shape[1 - axis], -1)
    return np.where(iou.max(axis=axis) > 0, iou.argmax(axis=axis), -1)


def _at(iou: NDArray[np.float64], partner: NDArray[np.int64]) -> NDArray[np.float64]:
    """IoU of each row with its partner, 0 without one."""
    found = np.zeros(len(partner))
    has = np.flatnonzero(partner >= 0)
    found[has] = iou[has, partner[has]]
    return found


def touching(labels: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Which of the labels 1 to count touch another one: a pixel of it beside one of another, diagonally or straight.

    labels: int, (height, width). Returns bool, (count,).
    """
    touches = np.zeros(count + 1, bool)
    height, width = labels.shape
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        first = labels[: height - down, max(-right, 0) : width - max(right, 0)]
        second = labels[down:, max(right, 0) : width - max(-right, 0)]
        both = (first > 0) & (second > 0) & (first != second)
        touches[first[both]] = touches[second[both]] = True
    return touches[1:]


def at_border(masks: Sequence[RLE], height: int, width: int) -> NDArray[np.bool_]:
    """Which masks reach the border of an image of height x width px; bool, (masks,)."""
    if not masks:
        return np.zeros(0, bool)
    left, top, wide, high = coco_mask.toBbox(list(masks)).T
    return np.asarray((left <= 0) | (top <= 0) | (left + wide >= width) | (top + high >= height))


def centres(masks: Sequence[RLE]) -> NDArray[np.float64]:
    """Centres of the boxes of masks, px: float, (masks, 2), x right, y down, pixel edges at integers."""
    if not masks:
        return np.zeros((0, 2))
    boxes = coco_mask.toBbox(list(masks))
    return np.asarray(boxes[:, :2] + boxes[:, 2:] / 2)
