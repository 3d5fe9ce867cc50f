"""The predicted nuclei (instances) of one image, and how they are written as COCO results and read again.

Coordinates are px, x right, y down, with pixel edges at integers: right and bottom of a box are exclusive.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from nuclei.coco.rle import decode_part, encode_part
from nuclei.coco.types import RLE, Result


@dataclass
class Nucleus:
    """One predicted nucleus.

    The detector predicts box and mask apart from each other, so the box need not be the mask's bounding box.
    """

    score: float
    box: NDArray[Any]  # [left, top, right, bottom], px
    mask: NDArray[np.bool_]  # of a part of the image that holds the whole nucleus, height x width
    x: int  # where that part lies in the image: its left edge, px
    y: int  # its upper edge, px
    category: int = 1  # category id of its class

    @property
    def extent(self) -> list[int]:
        """[left, top, right, bottom] of the part of the image that the mask covers, px."""
        return [self.x, self.y, self.x + self.mask.shape[1], self.y + self.mask.shape[0]]


def surest_first(nuclei: Iterable[Nucleus]) -> list[Nucleus]:
    """The nuclei whose score is above 0, in falling order of their scores. All nuclei of a detector pass through here.

    Scores are weights in a fusion, where 0 says nothing and a negative one would turn a mask inside out. Mask Scoring
    R-CNN gives such scores: it multiplies each by a predicted IoU, which has no lower bound.
    """
    return sorted((nucleus for nucleus in nuclei if nucleus.score > 0), key=lambda nucleus: -nucleus.score)


def rles(nuclei: Iterable[Nucleus], height: int, width: int) -> list[RLE]:
    """The nuclei's masks as COCO RLE, in an image of height x width px."""
    return [encode_part(nucleus.mask, nucleus.x, nucleus.y, (width, height)) for nucleus in nuclei]


def as_results(nuclei: Sequence[Nucleus], image_id: int, height: int, width: int) -> list[Result]:
    """The nuclei of one image of height x width px as COCO results, in their order."""
    rows: list[Result] = []
    for nucleus, code in zip(nuclei, rles(nuclei, height, width), strict=True):
        left, top, right, bottom = map(float, nucleus.box)
        box = [left, top, right - left, bottom - top]
        rows.append(
            {
                "image_id": image_id,
                "category_id": nucleus.category,
                "bbox": box,
                "score": nucleus.score,
                "segmentation": code,
            }
        )
    return rows


def from_results(rows: Iterable[Result]) -> list[Nucleus]:
    """The nuclei of COCO results with RLE masks, in falling order of their scores.

    Left out are those whose mask is empty or whose score is not above 0 (see surest_first).
    """
    found = []
    for row in rows:
        if coco_mask.area(row["segmentation"]):
            x, y, width, height = row["bbox"]
            box = np.array([x, y, x + width, y + height])
            found.append(Nucleus(row["score"], box, *decode_part(row["segmentation"]), row["category_id"]))
    return surest_first(found)
