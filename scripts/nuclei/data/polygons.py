"""Polygons of a mask that lose nothing.

A polygon runs along the pixel edges around one 4-connected part of the mask. A hole is joined to the outer ring by a
cut of width 0, which the path follows to the hole and back, because a COCO polygon is a single closed path.

Coordinates are px, x right, y down, with pixel edges at integers: pixel (0, 0) covers [0, 1] x [0, 1]. pycocotools
fills by parity (a point is inside where a line from it crosses the path an odd number of times), and so it makes
exactly the same mask of these polygons again, whatever holes, parts and thin lines the mask has.
"""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from nuclei.coco.types import Polygons

Point = tuple[int, int]  # (x, y) of a pixel's corner, or a step (dx, dy) from one to the next
Ring = list[Point]  # a closed path, without its first point again at the end


def boundary_steps(mask: NDArray[np.bool_]) -> dict[Point, list[Point]]:
    """The steps of length 1 along the pixel edges of a mask, each with the mask on its right hand.

    Returns {corner (x, y): steps (dx, dy) that start there}.
    """
    padded = np.pad(mask, 1).astype(np.int8)
    steps: dict[Point, list[Point]] = {}

    def add(places: NDArray[np.intp], start: Point, direction: Point) -> None:
        for y, x in places.tolist():
            steps.setdefault((x + start[0], y + start[1]), []).append(direction)

    vertical, horizontal = np.diff(padded, axis=0)[:, 1:-1], np.diff(padded, axis=1)[1:-1]
    add(np.argwhere(vertical == 1), (0, 0), (1, 0))  # background above, mask below: go right
    add(np.argwhere(vertical == -1), (1, 0), (-1, 0))
    add(np.argwhere(horizontal == 1), (0, 1), (0, -1))  # background left, mask right: go up
    add(np.argwhere(horizontal == -1), (0, 0), (0, 1))
    return steps


def rings(mask: NDArray[np.bool_]) -> list[Ring]:
    """The closed rings around a mask and around its holes, each with the mask on its right hand.

    A ring has a point only where it changes direction.
    """
    steps = boundary_steps(mask)
    found: list[Ring] = []
    while steps:
        # start where only one step starts; if there is no such corner, any start gives right rings
        start = next((corner for corner, ways in steps.items() if len(ways) == 1), next(iter(steps)))
        point, direction = start, steps[start][0]
        ring: Ring = []
        while True:
            choices = steps[point]
            # where two pixels touch only at a corner, turn right, which stays with the same pixel
            right = (-direction[1], direction[0])
            step = right if right in choices and ring else choices[0] if direction not in choices else direction
            choices.remove(step)
            if not choices:
                del steps[point]
            if not ring or step != direction:
                ring.append(point)
            point, direction = (point[0] + step[0], point[1] + step[1]), step
            if point == start:
                break
        found.append(ring)
    return found


def signed_area(ring: Sequence[Point]) -> float:
    """The area inside a ring, px: positive where the ring runs clockwise on the screen (an outer ring), else negative.

    The shoelace formula (Meister, 1769).
    """
    return sum(x * v - u * y for (x, y), (u, v) in zip(ring, [*ring[1:], ring[0]], strict=True)) / 2


def join(outer: Ring, holes: Iterable[Ring]) -> Ring:
    """One closed path of an outer ring and its holes.

    The path goes to each hole and back along the same horizontal and vertical lines; these cuts enclose no area.
    """
    path, (x0, y0) = list(outer), outer[0]
    for hole in holes:
        x, y = hole[0]
        path += [(x0, y0), (x, y0), *hole, (x, y), (x, y0)]
    return path


def outer_ring(part: NDArray[np.bool_]) -> Ring:
    """The ring around a 4-connected mask, the same that rings() gives, found by a walk along the pixel edges.

    The walk does not visit the holes, and is therefore much faster than rings(). The mask is on its right hand; where
    two pixels touch only at a corner, the walk stays with the same pixel.
    """
    padded = cv2.copyMakeBorder(part.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    width, pixels = padded.shape[1], padded.tobytes()
    # A corner has the index of the pixel below and right of it. For each direction (right, down, left, up): the step to
    # the next corner, and from there the pixels ahead on the right hand and on the left hand.
    ways = [(1, 0, -width), (width, -1, 0), (-1, -width - 1, -1), (-width, -width, -width - 1)]
    start = at = pixels.index(1)
    ring, way = [start], 0
    while True:
        step, right, left = ways[way]
        at += step
        if not pixels[at + right]:
            way = (way + 1) % 4
        elif pixels[at + left]:
            way = (way - 1) % 4
        else:
            continue
        if at == start:
            break
        ring.append(at)
    return [(corner % width - 1, corner // width - 1) for corner in ring]


def exact_polygons(mask: NDArray[np.bool_], left: int = 0, top: int = 0) -> Polygons:
    """The COCO segmentation [[x1, y1, x2, y2, …], …] of a mask: one polygon per 4-connected part.

    left, top: where the mask lies in its image, px. Coordinates are px, x right, y down, with pixel edges at integers.
    They are whole numbers, but as floats: from integers, mmdet would make an array of integers, and would cut off the
    fractions when it resizes them, which moves masks by half a pixel.
    """
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=4)
    segmentation = []
    for label in range(1, count):
        part = labels == label
        path = outer_ring(part)
        if signed_area(path) != np.count_nonzero(part):  # holes
            found = sorted(rings(part), key=signed_area, reverse=True)
            path = join(found[0], found[1:])
        segmentation.append([float(value) for x, y in path for value in (x + left, y + top)])
    return segmentation
