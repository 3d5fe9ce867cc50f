"""Outlines of masks as geometries, valid by the rules that QuPath (0.6 and later) and other programs ask for.

A ring along the pixel edges touches itself or another ring where two pixels meet at a corner alone. OGC's Simple
Features (section 6.1.11) calls this invalid. So each outline is first rounded, because rounding can make a valid one
invalid, and is then made valid.

Coordinates are px, x right, y down, with pixel edges at integers: the first pixel covers [0, 1] x [0, 1].
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, TypedDict

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from nuclei.data.polygons import Ring, outer_ring, rings, signed_area
from nuclei.prediction.instances import Nucleus

DECIMALS = 2  # as QuPath writes them
Area: TypeAlias = shapely.Polygon | shapely.MultiPolygon
Corner = tuple[float, float]  # (x, y)


class Geometry(TypedDict):
    """A geometry of GeoJSON."""

    type: str  # Polygon or MultiPolygon
    coordinates: list[Any]


def parts(mask: NDArray[np.bool_]) -> Iterator[list[Ring]]:
    """The rings of each 4-connected part of a mask: the outer one, then its holes. Points are corners of pixels."""
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=4)
    for label in range(1, count):
        part = labels == label
        outer = outer_ring(part)
        if signed_area(outer) == np.count_nonzero(part):
            yield [outer]
        else:
            yield sorted(rings(part), key=signed_area, reverse=True)


def only_areas(geometry: shapely.Geometry) -> Area:
    """A geometry without its points and lines: a Polygon where there is one, else a MultiPolygon."""
    flat = [area for part in shapely.get_parts(geometry) for area in shapely.get_parts(part)]
    areas = [area for area in flat if area.geom_type == "Polygon"]
    return areas[0] if len(areas) == 1 else shapely.MultiPolygon(areas)


def rounded(mask: NDArray[np.bool_], left: int, top: int, downsample: float) -> list[list[list[Corner]]]:
    """The rings of `parts` in the coordinates of the result, rounded to DECIMALS; see outline for the arguments."""

    def corner(x: int, y: int) -> Corner:
        return round((x + left) * downsample, DECIMALS), round((y + top) * downsample, DECIMALS)

    if downsample == 1:
        return [[[(x + left, y + top) for x, y in ring] for ring in part] for part in parts(mask)]
    return [[[corner(x, y) for x, y in ring] for ring in part] for part in parts(mask)]


def made_valid(shape: Sequence[Sequence[Sequence[Corner]]]) -> Area:
    """A valid outline of the rings that `rounded` gives."""
    areas = [shapely.Polygon(outer, holes) for outer, *holes in shape]
    found = areas[0] if len(areas) == 1 else shapely.MultiPolygon(areas)
    if shapely.is_valid(found):
        return found
    valid = shapely.make_valid(found, method="structure", keep_collapsed=False)
    return only_areas(shapely.set_precision(valid, 10**-DECIMALS))


def outline(mask: NDArray[np.bool_], left: int = 0, top: int = 0, downsample: float = 1.0) -> Area:
    """The outline of a mask, which holds a true pixel: a valid Polygon or MultiPolygon, rounded to DECIMALS.

    mask: bool, height x width, of a part of the image. left, top: where it lies in the image, px. downsample: px of the
    result per px of the mask. Holes are inner rings; parts that touch at a corner or not at all are polygons of their
    own.
    """
    return made_valid(rounded(mask, left, top, downsample))


def geometry(area: Area) -> Geometry:
    """An outline as GeoJSON (RFC 7946, section 3.1): closed rings, the outer one of each polygon first."""

    def closed(polygon: shapely.Polygon) -> list[list[list[float]]]:
        return [np.round(ring.coords, DECIMALS).tolist() for ring in (polygon.exterior, *polygon.interiors)]

    polygon = area.geom_type == "Polygon"
    return {"type": area.geom_type, "coordinates": closed(area) if polygon else [closed(part) for part in area.geoms]}


def geometries(nuclei: Sequence[Nucleus], downsample: float = 1.0) -> list[Geometry]:
    """The outlines of many nuclei as GeoJSON: geometry(outline(…)) of each, in less time.

    Most nuclei are one ring that is valid as it is. Those are tested all at once and need no geometry of shapely.
    """
    shapes = [rounded(nucleus.mask, nucleus.x, nucleus.y, downsample) for nucleus in nuclei]
    simple = [at for at, shape in enumerate(shapes) if len(shape) == 1 and len(shape[0]) == 1]
    found: list[Geometry | None] = [None] * len(shapes)
    if simple:
        lengths = [len(shapes[at][0][0]) for at in simple]
        corners = np.concatenate([shapes[at][0][0] for at in simple]).astype(float)
        lines = shapely.linearrings(corners, indices=np.repeat(np.arange(len(simple)), lengths))
        for at, valid in zip(simple, shapely.is_valid(shapely.polygons(lines)).tolist(), strict=True):
            if valid:
                ring = shapes[at][0][0]
                found[at] = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    return [ready or geometry(made_valid(shape)) for ready, shape in zip(found, shapes, strict=True)]
