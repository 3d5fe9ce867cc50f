"""Clipping of polygons to an image, exactly: what of an instance is visible in a crop, and how far it reaches.

Coordinates: x right, y down, px, pixel edges at integers; the image covers [0, width] x [0, height]. A ring is an
array (n, 2) of its corners; holes are joined to it by a cut of no width (nuclei/data/polygons.py), so that its signed
area is the area of the instance's part.
"""

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.float64]
NOTHING = 1e-6  # px^2: what is smaller is an edge or a corner, not a part of an instance


def area(ring: Ring) -> float:
    """Area of a ring in px^2 by the shoelace formula, whatever its direction."""
    x, y = ring.T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def clip(ring: Ring, axis: int, low: float, high: float) -> Ring:
    """The part of a ring between two lines across an axis (0: x, 1: y); an empty array where there is none.

    By Sutherland and Hodgman, "Reentrant polygon clipping", 1974. Parts that the lines cut apart stay one ring, joined
    by edges along the lines, which enclose no area.
    """
    for sign, limit in ((1.0, high), (-1.0, -low)):
        beyond = sign * ring[:, axis] - limit
        inside = beyond <= 0
        if inside.all():
            continue
        if not inside.any():
            return ring[:0]
        after, beyond_after = np.roll(ring, -1, axis=0), np.roll(beyond, -1)
        crossing = inside != np.roll(inside, -1)
        share = np.divide(beyond, beyond - beyond_after, out=np.zeros_like(beyond), where=crossing)
        crossings = ring + share[:, None] * (after - ring)
        crossings[:, axis] = sign * limit
        corners = np.stack([ring, crossings], 1).reshape(-1, 2)
        ring = corners[np.stack([inside, crossing], 1).reshape(-1)]
    return ring


def reach(ring: Ring, axis: int) -> tuple[float, float]:
    """Lowest and highest coordinate of a ring along an axis, without the edges that clipping leaves outside of it."""
    values = np.unique(ring[:, axis])
    slabs = list(zip(values[:-1].tolist(), values[1:].tolist(), strict=True))
    # from both ends inwards: most rings fill their first slab, so that few are clipped
    low = next(slab[0] for slab in slabs if has_area(clip(ring, axis, *slab)))
    high = next(slab[1] for slab in reversed(slabs) if has_area(clip(ring, axis, *slab)))
    return low, high


def has_area(ring: Ring) -> bool:
    """Whether a ring encloses more than an edge or a corner."""
    return len(ring) > 2 and area(ring) > NOTHING


def visible(rings: list[Ring], height: float, width: float) -> tuple[list[Ring], float, list[float]]:
    """What of an instance is visible in an image of that size.

    rings: its parts. Returns (visible rings, their area in px^2, their box [left, top, right, bottom] in px); of an
    instance outside of the image ([], 0, [0, 0, 0, 0]).
    """
    found, boxes = [], []
    for whole in rings:
        ring = clip(clip(whole, 0, 0, width), 1, 0, height)
        if not has_area(ring):
            continue
        found.append(ring)
        if len(ring) == len(whole) and (ring == whole).all():
            boxes.append([*ring.min(0), *ring.max(0)])
        else:
            (left, right), (top, bottom) = reach(ring, 0), reach(ring, 1)
            boxes.append([left, top, right, bottom])
    if not found:
        return [], 0.0, [0.0] * 4
    corners = np.array(boxes)
    return found, sum(map(area, found)), [*corners[:, :2].min(0).tolist(), *corners[:, 2:].max(0).tolist()]
