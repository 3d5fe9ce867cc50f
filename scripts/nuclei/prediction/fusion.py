"""Fusion of what several looks at one image found, and what to do with nuclei that overlap."""

from dataclasses import replace

import numpy as np

from nuclei.coco.matching import SAME_NUCLEUS, greedy_pairs, iou_matrix
from nuclei.coco.rle import bounding_box
from nuclei.prediction.instances import Nucleus, rles


def mean_nucleus(members, views):
    """One nucleus of its detections in several views: mean score (0 where a view misses it), mean box, mean mask."""
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
    return Nucleus(weights.sum() / views, box, mask[top:bottom, left:right], x + left, y + top)


def fuse(found, height, width):
    """Fuse the detections of one window's views: those of one nucleus (mask IoU >= 0.5) become their mean.

    found: a list of Nucleus for each view, surest first. Returns nuclei, surest first.
    """
    if len(found) == 1:
        return found[0]
    groups, references = [], []
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


def distinct(nuclei, height, width):
    """The nuclei, surest first, without those that overlap a surer one (mask IoU >= 0.5)."""
    nuclei = sorted(nuclei, key=lambda nucleus: -nucleus.score)
    kept = np.ones(len(nuclei), bool)
    if len(nuclei):
        boxes = np.array([nucleus.extent for nucleus in nuclei])
        for i, box in enumerate(boxes):
            if not kept[i]:
                continue
            low, high = np.maximum(box[:2], boxes[i + 1 :, :2]), np.minimum(box[2:], boxes[i + 1 :, 2:])
            near = i + 1 + np.flatnonzero(kept[i + 1 :] & (low < high).all(1))
            codes = rles([nuclei[i], *(nuclei[j] for j in near)], height, width)
            kept[near[iou_matrix(codes[:1], codes[1:])[0] >= SAME_NUCLEUS]] = False
    return [nucleus for nucleus, keep in zip(nuclei, kept, strict=True) if keep]


def soft_nms(nuclei, height, width):
    """Lower the scores of nuclei that overlap: each times 1 - the largest mask IoU x score of another.

    Linear soft-NMS (Bodla et al., ICCV 2017) of masks, in both directions: where two outlines claim the same tissue,
    the surer one is in doubt too. Returns nuclei, surest first.
    """
    codes, scores = rles(nuclei, height, width), np.array([nucleus.score for nucleus in nuclei])
    iou = iou_matrix(codes, codes)
    np.fill_diagonal(iou, 0)
    doubt = (iou * scores).max(1, initial=0)
    lowered = [replace(n, score=float(score)) for n, score in zip(nuclei, scores * (1 - doubt), strict=True)]
    return sorted(lowered, key=lambda nucleus: -nucleus.score)
