"""How are masks fused? Step by step, for several views of one image, or for several cells that make an ensemble.

1. Group. The views are taken one after the other, and the detections of each view in falling order of their scores. A
   detection is compared with the first mask of each group that has no detection of this view yet. It joins the group
   of the highest IoU if this IoU is 0.5 or more. Otherwise it starts a new group. So a group contains the detections of
   one nucleus, at most one per view.
2. Score. The score of a group is the sum of its scores, divided by the number of views. A view that misses the nucleus
   counts as 0: what most views agree on keeps its score, and what one view sees alone falls.
3. Box. The box of a group is the mean of its boxes, weighted by their scores.
4. Mask. Each detection votes for the pixels of its mask, with its score as weight. A pixel belongs to the fused mask if
   it has half of all the weights in its group, or more.

Score and box are those of weighted boxes fusion (Solovyev, Wang and Gabruseva, Image and Vision Computing 107, 2021,
section 3). There, groups are found by the IoU of boxes; the vote of the masks is this project's.

Nuclei of different classes never become one, and none removes another: each step here looks at the nuclei of one class
alone, as the scores by class do.

Two further functions deal with nuclei that overlap: `distinct` is non-maximum suppression, which removes the less
certain of two; `soft_nms` lowers the scores of both. A third, `doubt_cut`, lowers those of nuclei that the border
of the image may cut.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from nuclei.coco.matching import SAME_NUCLEUS, greedy_pairs, iou_matrix
from nuclei.coco.rle import bounding_box
from nuclei.coco.types import RLE
from nuclei.prediction.instances import Nucleus, rles


def classes_of(nuclei: Iterable[Nucleus]) -> list[int]:
    """The category ids of nuclei, each once, in rising order."""
    return sorted({nucleus.category for nucleus in nuclei})


def apart(nuclei: Sequence[Nucleus], rule: Callable[[Sequence[Nucleus]], list[Nucleus]]) -> list[Nucleus]:
    """What a rule makes of the nuclei of each class alone, in falling order of the scores."""
    classes = classes_of(nuclei)
    if len(classes) < 2:
        return rule(nuclei)
    found = [new for number in classes for new in rule([one for one in nuclei if one.category == number])]
    return sorted(found, key=lambda nucleus: -nucleus.score)


def mean_nucleus(members: Sequence[Nucleus], views: int) -> Nucleus | None:
    """One nucleus from its detections in several views: steps 2 to 4 of the module.

    views: the number of all views, also of those that missed the nucleus. None where no pixel has enough votes.
    """
    weights = np.array([nucleus.score for nucleus in members])
    extents = np.array([nucleus.extent for nucleus in members])
    x, y = map(int, extents[:, :2].min(0))
    right, bottom = extents[:, 2:].max(0)
    votes = np.zeros((bottom - y, right - x))
    for nucleus, weight, (x0, y0, x1, y1) in zip(members, weights, extents, strict=True):
        votes[y0 - y : y1 - y, x0 - x : x1 - x] += weight * nucleus.mask
    mask = votes >= weights.sum() / 2
    if not mask.any():
        return None
    left, top, right, bottom = bounding_box(mask)
    box = np.average([nucleus.box for nucleus in members], axis=0, weights=weights)
    return Nucleus(weights.sum() / views, box, mask[top:bottom, left:right], x + left, y + top, members[0].category)


def fuse(found: Sequence[list[Nucleus]], height: int, width: int) -> list[Nucleus]:
    """Fuse the detections of several views, as the module says step by step.

    found: the nuclei of each view, in falling order of their scores, all in the coordinates of one image or window of
    height x width px. Returns the fused nuclei in falling order of their scores; those of a single view as they are.
    """
    if len(found) == 1:
        return found[0]
    classes = classes_of(nucleus for nuclei in found for nucleus in nuclei)
    if len(classes) > 1:
        own = ([[one for one in nuclei if one.category == number] for nuclei in found] for number in classes)
        joined = [nucleus for part in own for nucleus in fuse(part, height, width)]
        return sorted(joined, key=lambda nucleus: -nucleus.score)
    groups: list[list[Nucleus]] = []
    references: list[RLE] = []  # the first mask of each group
    for nuclei in found:
        codes = rles(nuclei, height, width)
        matched = set()
        for group, column in greedy_pairs(iou_matrix(references, codes)):
            groups[group].append(nuclei[column])
            matched.add(column)
        for column, nucleus in enumerate(nuclei):
            if column not in matched:
                groups.append([nucleus])
                references.append(codes[column])
    fused = [mean_nucleus(group, len(found)) for group in groups]
    return sorted((nucleus for nucleus in fused if nucleus), key=lambda nucleus: -nucleus.score)


def distinct(nuclei: Sequence[Nucleus], height: int, width: int) -> list[Nucleus]:
    """Non-maximum suppression of masks: the nuclei without those that overlap one of a higher score (IoU >= 0.5).

    height, width: of the image, px. Returns the nuclei that are left, in falling order of their scores.
    """
    return apart(nuclei, partial(_distinct, height=height, width=width))


def _distinct(nuclei: Sequence[Nucleus], height: int, width: int) -> list[Nucleus]:
    """The same of nuclei of one class."""
    nuclei = sorted(nuclei, key=lambda nucleus: -nucleus.score)
    kept = np.ones(len(nuclei), bool)
    if len(nuclei):
        boxes = np.array([nucleus.extent for nucleus in nuclei])
        for i, box in enumerate(boxes):
            if not kept[i]:
                continue
            # masks are compared only where the boxes around them overlap: an image may hold thousands of nuclei
            low, high = np.maximum(box[:2], boxes[i + 1 :, :2]), np.minimum(box[2:], boxes[i + 1 :, 2:])
            near = i + 1 + np.flatnonzero(kept[i + 1 :] & (low < high).all(1))
            codes = rles([nuclei[i], *(nuclei[j] for j in near)], height, width)
            kept[near[iou_matrix(codes[:1], codes[1:])[0] >= SAME_NUCLEUS]] = False
    return [nucleus for nucleus, keep in zip(nuclei, kept, strict=True) if keep]


def soft_nms(nuclei: Sequence[Nucleus], height: int, width: int) -> list[Nucleus]:
    """Lower the scores of nuclei that overlap: each score is multiplied by 1 - max(IoU x score) over all others.

    This is the linear soft-NMS of Bodla et al. ("Soft-NMS", ICCV 2017, section 3), with two changes: the IoU is that of
    masks, weighted by the other nucleus's score; and both nuclei lose, not only the less certain one, because where two
    outlines claim the same tissue, either of them may be wrong. height, width: of the image, px. Returns new nuclei in
    falling order of their new scores.
    """
    return apart(nuclei, partial(_soft_nms, height=height, width=width))


def _soft_nms(nuclei: Sequence[Nucleus], height: int, width: int) -> list[Nucleus]:
    """The same of nuclei of one class."""
    codes, scores = rles(nuclei, height, width), np.array([nucleus.score for nucleus in nuclei])
    iou = iou_matrix(codes, codes)
    np.fill_diagonal(iou, 0)
    doubt = (iou * scores).max(1, initial=0)
    lowered = [replace(n, score=float(score)) for n, score in zip(nuclei, scores * (1 - doubt), strict=True)]
    return sorted(lowered, key=lambda nucleus: -nucleus.score)


def doubt_cut(nuclei: Sequence[Nucleus], factor: float, height: int, width: int) -> list[Nucleus]:
    """Multiply the scores of nuclei that touch the border of the image by a factor: what is cut is less certain.

    height, width: of the image, px. Returns new nuclei in falling order of their new scores.
    """
    found = []
    for nucleus in nuclei:
        left, top, right, bottom = nucleus.extent
        cut = left <= 0 or top <= 0 or right >= width or bottom >= height
        found.append(replace(nucleus, score=nucleus.score * factor) if cut else nucleus)
    return sorted(found, key=lambda nucleus: -nucleus.score)
