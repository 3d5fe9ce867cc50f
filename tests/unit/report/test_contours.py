"""Outlines as walks: the masks come back exactly, whatever holes, parts and thin lines they have."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from nuclei.coco.rle import encode
from nuclei.report.contours import contour

STEPS = [(1, 0), (0, 1), (-1, 0), (0, -1)]


def corners(text):
    """Corners of a walk "x y walk", one per step: a plain reading of the format, apart from the page's own."""
    x, y, walk = text.split()
    at, direction, found = (int(x), int(y)), int(walk[0]), []
    for turn in [*walk[1:], ""]:
        found.append(at)
        at = (at[0] + STEPS[direction][0], at[1] + STEPS[direction][1])
        direction = (direction + {"s": 0, "r": 1, "l": 3, "": 0}[turn]) % 4
    assert at == found[0], "the walk is not closed"
    return found


def drawn(text, height, width):
    """The mask that the walks enclose by parity."""
    mask = np.zeros((height, width), int)
    for walk in text.split(",") if text else []:
        points = corners(walk)
        for (x, y), (u, v) in zip(points, [*points[1:], points[0]], strict=True):
            if x == u:  # a vertical step changes the sides of all pixels on its right
                mask[min(y, v), x:] += 1
    return mask % 2 == 1


@pytest.mark.parametrize("seed", range(40))
def test_random_masks_come_back(seed):
    random = np.random.default_rng(seed)
    mask = random.random((random.integers(1, 14), random.integers(1, 14))) < random.uniform(0.05, 0.95)
    assert np.array_equal(drawn(contour(encode(mask)), *mask.shape), mask)


def test_a_part_comes_before_its_holes():
    mask = np.ones((5, 5), bool)
    mask[2, 2] = False
    outer, hole = contour(encode(mask)).split(",")
    assert (len(set(corners(outer))), len(set(corners(hole)))) == (20, 4)


def test_an_empty_mask_has_no_outline():
    assert contour(encode(np.zeros((3, 4), bool))) == ""
    assert coco_mask.area(encode(np.zeros((3, 4), bool))) == 0
