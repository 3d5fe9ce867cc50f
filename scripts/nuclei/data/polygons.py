"""Lossless polygons of a mask: rings along pixel edges, holes joined to the outer ring by a cut of no width.

Coordinates: x right, y down, px, pixel edges at integers (pixel (0, 0) covers [0, 1] x [0, 1]). Rasterised by
pycocotools (which fills by parity) they give back the mask exactly, whatever its holes, parts and thin lines.
"""

import cv2
import numpy as np


def boundary_steps(mask):
    """Unit steps along the pixel edges of a mask, the mask on the right hand: {(x, y): [(dx, dy), …]}."""
    padded = np.pad(mask, 1).astype(np.int8)
    steps = {}

    def add(places, start, direction):
        for y, x in places.tolist():
            steps.setdefault((x + start[0], y + start[1]), []).append(direction)

    vertical, horizontal = np.diff(padded, axis=0)[:, 1:-1], np.diff(padded, axis=1)[1:-1]
    add(np.argwhere(vertical == 1), (0, 0), (1, 0))  # background above, mask below: go right
    add(np.argwhere(vertical == -1), (1, 0), (-1, 0))
    add(np.argwhere(horizontal == 1), (0, 1), (0, -1))  # background left, mask right: go up
    add(np.argwhere(horizontal == -1), (0, 0), (0, 1))
    return steps


def rings(mask):
    """Closed rings of corner points around a mask: [(x, y), …] each, the mask on the right hand."""
    steps, found = boundary_steps(mask), []
    while steps:
        # a corner that one ring passes once; where there is none, any way to cut the loop up is right
        start = next((corner for corner, ways in steps.items() if len(ways) == 1), next(iter(steps)))
        point, direction, ring = start, steps[start][0], []
        while True:
            choices = steps[point]
            # where two pixels touch at a corner, turn right: stay with the pixel at hand
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


def signed_area(ring):
    """Area of a ring in px, positive where it runs clockwise on the screen (an outer ring)."""
    return sum(x * v - u * y for (x, y), (u, v) in zip(ring, [*ring[1:], ring[0]], strict=True)) / 2


def join(outer, holes):
    """One closed path: the outer ring, and each hole reached and left by the same axis-parallel cut."""
    path, (x0, y0) = list(outer), outer[0]
    for hole in holes:
        x, y = hole[0]
        path += [(x0, y0), (x, y0), *hole, (x, y), (x, y0)]
    return path


def outer_ring(part):
    """Ring around a 4-connected bool mask, as rings() has it, by walking along its pixel edges: [(x, y), …].

    The mask is on the right hand; where two pixels touch at a corner the walk stays with the pixel at hand.
    """
    padded = cv2.copyMakeBorder(part.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    width, pixels = padded.shape[1], padded.tobytes()
    # a corner has the index of the pixel below and right of it; of each direction (right, down, left, up): the step,
    # and the pixels ahead of a corner on the right and on the left hand
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


def exact_polygons(mask, left=0, top=0):
    """COCO segmentation [[x1, y1, x2, y2, …], …] of a bool mask, a polygon for each 4-connected part.

    left, top: offset of the mask in its image, px. Coordinates are whole numbers, as floats: of integers mmdet makes an
    integer array, and cuts off what is behind the point when it resizes them, which moves masks by half a pixel.
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
