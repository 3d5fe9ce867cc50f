"""Detections of one image as nuclei, what several looks at it agree on, and which of them overlap."""

from dataclasses import dataclass, replace

import numpy as np
from pycocotools import mask as coco_mask

from nuclei.coco.rle import bounding_box, decode_part, encode_part

SAME = 0.5  # mask IoU from which two detections are of one nucleus, as in the report's metric


@dataclass
class Nucleus:
    """A detection: score, box [left, top, right, bottom] px, and the bool mask of the part at (x, y) of its image."""

    score: float
    box: np.ndarray
    mask: np.ndarray
    x: int
    y: int

    @property
    def extent(self):
        """[left, top, right, bottom] of the mask in its image; right and bottom exclusive, px."""
        return [self.x, self.y, self.x + self.mask.shape[1], self.y + self.mask.shape[0]]


def rles(nuclei, height, width):
    """COCO RLEs of nuclei in a frame of that size."""
    return [encode_part(nucleus.mask, nucleus.x, nucleus.y, (width, height)) for nucleus in nuclei]


def as_results(nuclei, image_id, height, width):
    """COCO results of the nuclei of one image (height x width px)."""
    rows = []
    for nucleus, code in zip(nuclei, rles(nuclei, height, width), strict=True):
        left, top, right, bottom = map(float, nucleus.box)
        box = [left, top, right - left, bottom - top]
        rows.append(dict(image_id=image_id, category_id=1, bbox=box, score=nucleus.score, segmentation=code))
    return rows


def from_results(rows):
    """Nuclei of COCO results with RLE masks, surest first, without those of empty mask or no score."""
    found = []
    for row in rows:
        if coco_mask.area(row["segmentation"]) and row["score"] > 0:
            x, y, width, height = row["bbox"]
            box = np.array([x, y, x + width, y + height])
            found.append(Nucleus(row["score"], box, *decode_part(row["segmentation"])))
    return sorted(found, key=lambda nucleus: -nucleus.score)


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
        for group, column in pairs(overlaps(references, codes)):
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
            kept[near[overlaps(codes[:1], codes[1:])[0] >= SAME]] = False
    return [nucleus for nucleus, keep in zip(nuclei, kept, strict=True) if keep]


def soft_nms(nuclei, height, width):
    """Lower the scores of nuclei that overlap: each times 1 - the largest mask IoU x score of another.

    Linear soft-NMS (Bodla et al., ICCV 2017) of masks, in both directions: where two outlines claim the same tissue,
    the surer one is in doubt too. Returns nuclei, surest first.
    """
    codes, scores = rles(nuclei, height, width), np.array([nucleus.score for nucleus in nuclei])
    iou = overlaps(codes, codes)
    np.fill_diagonal(iou, 0)
    doubt = (iou * scores).max(1, initial=0)
    lowered = [replace(n, score=float(score)) for n, score in zip(nuclei, scores * (1 - doubt), strict=True)]
    return sorted(lowered, key=lambda nucleus: -nucleus.score)
