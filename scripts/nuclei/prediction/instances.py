"""Predicted nuclei of one image, and their form as COCO results."""

from dataclasses import dataclass

import numpy as np
from pycocotools import mask as coco_mask

from nuclei.coco.rle import decode_part, encode_part


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
