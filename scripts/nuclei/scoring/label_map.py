"""Label maps: predictions and nuclei that may overlap become regions that do not.

AJI, PQ and the score of the Data Science Bowl are defined on images in which each pixel belongs to one instance at
most. The rule here is that of Kirillov et al., "Panoptic Segmentation" (CVPR 2019), section 3, "Instance segmentation":
go through the detections by falling score; each gets those of its pixels that none before it has; a detection that
keeps less than half of its pixels is left out, and leaves its pixels to the next.

What a detection gets does not depend on those that are less sure. So the label map of the detections above a score is
that of all detections, without the others: one painting serves every score threshold.

Label maps are int arrays of shape (height, width), 0 where nothing is; x right, y down, px.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from nuclei.coco.rle import decode_part
from nuclei.coco.types import RLE

LEAST_SHARE = 0.5  # of its pixels that a detection must keep


def paint(
    masks: Sequence[RLE], height: int, width: int, least: float = LEAST_SHARE
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(label map, number of each label) of masks, the first on top.

    masks: in the order in which they get pixels. least: share of its pixels that a mask must keep, from 0 to 1; with 0
    one pixel is enough. Returns the label map, with labels 1, 2, … in the order of the masks, and, of each label, the
    place of its mask in `masks`. Masks without pixels have no label.
    """
    labels = np.zeros((height, width), int)
    numbers: list[int] = []
    for number, mask in enumerate(masks):
        area = int(coco_mask.area(mask))
        if not area:
            continue
        part, left, top = decode_part(mask)
        under = labels[top : top + part.shape[0], left : left + part.shape[1]]
        free = part & (under == 0)
        kept = int(np.count_nonzero(free))
        if kept and kept >= least * area:
            numbers.append(number)
            under[free] = len(numbers)
    return labels, np.array(numbers, int)


@dataclass(frozen=True)
class Overlap:
    """How the regions of two label maps overlap, in px.

    true: int, (pairs,), place of the nucleus among those of true_area, and found: that of the detection, of each pair
    that shares pixels; shared: int, (pairs,), how many. true_area: int, (nuclei,). found_area: int, (detections,).
    """

    true: NDArray[np.int64]
    found: NDArray[np.int64]
    shared: NDArray[np.int64]
    true_area: NDArray[np.int64]
    found_area: NDArray[np.int64]

    @property
    def union(self) -> NDArray[np.int64]:
        """int, (pairs,): pixels in either region of a pair."""
        return self.true_area[self.true] + self.found_area[self.found] - self.shared

    def first(self, count: int) -> "Overlap":
        """The same with the first `count` detections alone."""
        kept = self.found < count
        return Overlap(self.true[kept], self.found[kept], self.shared[kept], self.true_area, self.found_area[:count])


def overlap(true: NDArray[np.int64], found: NDArray[np.int64]) -> Overlap:
    """How the regions of two label maps of one shape overlap; labels must be 1, 2, … without gaps."""
    true_area, found_area = (np.bincount(labels.ravel())[1:] for labels in (true, found))
    both = (true > 0) & (found > 0)
    codes = true[both] * (len(found_area) + 1) + found[both]
    pairs, shared = np.unique(codes, return_counts=True)
    rows, columns = np.divmod(pairs, len(found_area) + 1)
    return Overlap(rows - 1, columns - 1, shared, true_area, found_area)
