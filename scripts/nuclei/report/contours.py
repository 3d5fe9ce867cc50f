"""Outlines of masks as short texts, of which the page draws them again without loss.

An outline runs along the pixel edges, so it is a walk of steps of one pixel. A text has the corner at which the walk
starts, the direction of its first step, and for each further step whether it turns left, right or goes straight: three
letters, of which deflate makes less than two bits. Coordinates are px, x right, y down, pixel edges at integers.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from nuclei.coco.rle import decode_part
from nuclei.coco.types import RLE
from nuclei.data.polygons import Ring, outer_ring, rings, signed_area

DIRECTIONS = {(1, 0): 0, (0, 1): 1, (-1, 0): 2, (0, -1): 3}  # right, down, left, up: clockwise on the screen
TURNS = {0: "s", 1: "r", 3: "l"}  # straight, right, left, by how far the direction goes round


def mask_rings(mask: NDArray[np.bool_]) -> Iterator[Ring]:
    """The rings of a mask (bool, height x width): of each 4-connected part the outer one, then those of its holes."""
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=4)
    for label in range(1, count):
        part = labels == label
        outer = outer_ring(part)
        holes = signed_area(outer) != np.count_nonzero(part)
        yield from sorted(rings(part), key=signed_area, reverse=True) if holes else [outer]


def walk(ring: Ring, left: int = 0, top: int = 0) -> str:
    """A ring as "x y walk": its first corner, the direction of the first step, the turns of the others.

    ring: corners at which the direction changes, without the first one again at the end. left, top: are added, px.

    >>> walk([(0, 0), (2, 0), (2, 1), (0, 1)], left=5)
    '5 0 0srrsr'
    """
    text, before = "", -1
    for (x, y), (u, v) in zip(ring, [*ring[1:], ring[0]], strict=True):
        length = abs(u - x) + abs(v - y)
        direction = DIRECTIONS[(u - x) // length, (v - y) // length]
        text += (str(direction) if before < 0 else TURNS[(direction - before) % 4]) + "s" * (length - 1)
        before = direction
    return f"{ring[0][0] + left} {ring[0][1] + top} {text}"


def contour(rle: RLE) -> str:
    """The outline of a mask: walk() of each of its rings, with commas between; an empty text for an empty mask."""
    try:
        part, left, top = decode_part(rle)
    except IndexError:
        return ""
    return ",".join(walk(ring, left, top) for ring in mask_rings(part)) if part.any() else ""
