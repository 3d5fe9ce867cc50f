"""Outlines made into masks.

pycocotools (2.0.11) rasterises them: a pixel belongs to the mask where its centre lies inside (to a fifth of a pixel),
and where an outline crosses itself, a point is inside if a line from it crosses the outline an odd number of times.
MATLAB's poly2mask, by which masks of MoNuSeg are made, does the same. Coordinates are px, with pixel edges at integers.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from nuclei.coco.rle import bounding_box, decode_part
from nuclei.common.stage import InputError, refuse
from nuclei.data.left_out import CLIPPED, CROSSES, EMPTY, SHORT
from nuclei.formats.interface import NUCLEUS, Note, Nuclei, Nucleus

Ring = NDArray[np.float64]  # (points, 2): x, y
Reading = tuple[Nucleus | None, list[Note]]  # of one nucleus: None where it has no area


def ring_mask(ring: Ring, size: tuple[int, int], box: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    """The mask of a ring inside a box (left, top, right, bottom) of an image of `size` (width, height), px: bool.

    The ring is not moved to the box before it is rasterised: pycocotools rounds to fifths of a pixel, and ties would
    then fall otherwise. Only a ring that leaves the image is moved, by whole pixels, as it takes none below 0.
    """
    left, top, right, bottom = box
    x, y = max(0, -left), max(0, -top)
    width, height = max(size[0], right) + x, max(size[1], bottom) + y
    code = coco_mask.merge(coco_mask.frPyObjects([(ring + (x, y)).ravel().tolist()], height, width))
    mask = np.zeros((bottom - top, right - left), bool)
    if coco_mask.area(code):
        part, column, row = decode_part({"size": [height, width], "counts": code["counts"].decode()})
        column, row = column - x - left, row - y - top
        mask[row : row + part.shape[0], column : column + part.shape[1]] = part
    return mask


def rasterise(
    rings: Sequence[Ring], holes: Sequence[Ring], size: tuple[int, int], place: str
) -> tuple[tuple[NDArray[np.bool_], int, int] | None, list[str]]:
    """((part, left, top), kinds of notes) of the outlines of one nucleus: their union without the holes, in which
    further parts may lie.

    rings, holes: outlines of 3 points or more. size: (width, height) of the image, px. part: the mask inside its
    bounding box, bool; None in place of the three where no pixel is inside. place: what an error names.
    InputError where a coordinate is no number or farther outside of the image than the image is large.
    """
    width, height = size
    points = np.concatenate([*rings, *holes])
    if not np.isfinite(points).all():
        raise InputError(f"{place}: a coordinate that is no number found, wanted px; correct the outline")
    low, high = points.min(0), points.max(0)
    if (low < (-width, -height)).any() or (high > (2 * width, 2 * height)).any():
        raise InputError(
            f"{place}: coordinates from ({low[0]:.0f}, {low[1]:.0f}) to ({high[0]:.0f}, {high[1]:.0f}) found, wanted "
            f"px within the image of {width}x{height}; take the outlines of this image, at full size and not in µm"
        )
    kinds = [CLIPPED] if (low < 0).any() or (high > (width, height)).any() else []
    kinds += [] if all(shapely.Polygon(ring).is_valid for ring in [*rings, *holes]) else [CROSSES]
    # a pixel more on each side, for what pycocotools rounds outwards
    left, top, right, bottom = (int(value) for value in (*(np.floor(low) - 1), *(np.ceil(high) + 1)))
    mask = np.zeros((bottom - top, right - left), bool)
    # the largest first, so that a part that lies in a hole stays
    shapes = [*((ring, True) for ring in rings), *((ring, False) for ring in holes)]
    for ring, filled in sorted(shapes, key=lambda shape: -float(np.prod(np.ptp(shape[0], axis=0)))):
        mask[ring_mask(ring, size, (left, top, right, bottom))] = filled
    x0, y0 = max(0, -left), max(0, -top)
    mask = mask[y0 : max(0, height - top), x0 : max(0, width - left)]
    if not mask.any():
        return None, [*kinds, EMPTY]
    a, b, c, d = bounding_box(mask)
    return (mask[b:d, a:c].copy(), left + x0 + a, top + y0 + b), kinds


def nucleus_of(
    name: str,
    rings: Sequence[Ring],
    size: tuple[int, int],
    place: str,
    holes: Sequence[Ring] = (),
    category: str = NUCLEUS,
) -> Reading:
    """(nucleus, notes) of outlines; None where none of them has 3 points or holds a pixel. See rasterise."""
    long, inner = ([ring for ring in found if len(ring) > 2] for found in (rings, holes))
    points = min((len(ring) for ring in rings), default=0)
    kinds = [] if len(long) == len(rings) and rings else [(SHORT, f"{points} points")]
    if not long:
        return None, [Note(name, *kinds[0])]
    found, more = rasterise(long, inner, size, place)
    notes = [Note(name, *kind) for kind in kinds] + [Note(name, kind) for kind in more]
    return (Nucleus(name, *found, category) if found else None), notes


def gather(readings: Iterable[Callable[[], Reading]], path: Path) -> Nuclei:
    """The nuclei and notes of one file. readings: each called, returns those of one nucleus, or raises InputError.

    InputError with the problems of all nuclei, the first lines of them in full.
    """
    found: list[Nucleus] = []
    notes: list[Note] = []
    problems: list[str] = []
    for reading in readings:
        try:
            nucleus, more = reading()
        except InputError as error:
            problems += error.problems
            continue
        notes += more
        found += [nucleus] if nucleus else []
    refuse(problems, path)
    return found, notes
