"""Regions of an image or slide, written as images of their own with the nuclei in them, to train on.

A person annotates nuclei in some regions of a slide, and not in all of it. In QuPath such a region is an annotation of
the class Region*, drawn with the rectangle tool. Each becomes <image>_x<left>_y<top>.tif and a GeoJSON of the same
name, which nuclei.formats.geojson reads. Coordinates are px of the image or of the slide's finest level, x right, y
down, with pixel edges at integers.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely

from nuclei.common.files import read_json, whole_file, write_json
from nuclei.common.stage import InputError
from nuclei.data.image_files import ImageFile
from nuclei.export.outlines import only_areas
from nuclei.formats.geojson import WANTED, are_nuclei, category_of, features, kind_of

CLASSES = {"region*", "region"}
LEAST = 0.99  # share of its box that a rectangle fills; the rest is rounding


@dataclass
class Region:
    """A region of an image, and the features of the nuclei in it, moved to its upper left corner."""

    left: int
    top: int
    right: int
    bottom: int
    nuclei: list[dict[str, Any]]


def outline_of(row: dict[str, Any], place: str) -> shapely.Geometry | None:
    """The outline of a feature, of a cell that of its nucleus; None where it has no area."""
    shape = row.get("nucleusGeometry") or row.get("geometry")
    if not isinstance(shape, dict) or shape.get("type") not in ("Polygon", "MultiPolygon"):
        return None
    try:
        found = shapely.from_geojson(json.dumps(shape))
    except (shapely.GEOSException, ValueError) as error:
        raise InputError(f"{place}: no outline ({str(error)[:80]}), wanted {WANTED}; export it again") from None
    if shapely.is_valid(found):
        return found
    return only_areas(shapely.make_valid(found, method="structure", keep_collapsed=False))


def box_of(outline: shapely.Geometry | None, size: tuple[int, int], place: str) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of a region, whole px. InputError where it is no rectangle or not in the image."""
    if outline is None or outline.is_empty or outline.area < LEAST * shapely.box(*outline.bounds).area:
        raise InputError(f"{place}: a region that is no rectangle found, wanted one; draw it with the rectangle tool")
    left, top, right, bottom = map(round, outline.bounds)
    left, top, right, bottom = max(0, left), max(0, top), min(right, size[0]), min(bottom, size[1])
    if left >= right or top >= bottom:
        raise InputError(f"{place}: a region outside of the image of {size[0]}x{size[1]} px found, wanted one in it")
    return left, top, right, bottom


def regions(path: Path, size: tuple[int, int]) -> list[Region]:
    """The regions of a GeoJSON file with their nuclei. size: (width, height) of the image, px.

    A nucleus belongs to every region in which a part of it lies. InputError names all regions that are none.
    """
    rows = features(read_json(path, WANTED), path)
    outlines = [outline_of(row, f"{path}: feature {number}") for number, row in enumerate(rows, 1)]
    own = [at for at, row in enumerate(rows) if kind_of(row) == "annotation" and category_of(row).casefold() in CLASSES]
    nuclei = [at for at, meant in enumerate(are_nuclei(rows)) if meant and at not in own and outlines[at] is not None]
    tree = shapely.STRtree([outlines[at] for at in nuclei])
    found: list[Region] = []
    problems: list[str] = []
    for at in own:
        try:
            box = box_of(outlines[at], size, f"{path}: feature {at + 1}")
        except InputError as error:
            problems += error.problems
            continue
        if any(box[:2] == (one.left, one.top) for one in found):
            problems.append(
                f"{path}: feature {at + 1}: a second region with the corner {box[0]}, {box[1]} found, wanted one, "
                "since its files are named by it; remove or move one"
            )
        area = shapely.box(*box)
        inside = sorted(nuclei[near] for near in tree.query(area, predicate="intersects"))
        inside = [n for n in inside if outlines[n].intersection(area).area > 0]
        found.append(Region(*box, [moved(rows[n], outlines[n], box[0], box[1]) for n in inside]))
    if not own:
        problems.append(
            f"{path}: no region found, wanted annotations of the class Region*; draw rectangles of it around nuclei"
        )
    if problems:
        raise InputError(*problems)
    return found


def moved(row: dict[str, Any], outline: shapely.Geometry, left: int, top: int) -> dict[str, Any]:
    """A feature as a detection with its outline moved by -left, -top."""
    shape = json.loads(shapely.to_geojson(shapely.transform(outline, lambda points: points - (left, top))))
    about = {"objectType": "detection", "classification": {"name": category_of(row)}}
    return {"type": "Feature", "geometry": shape, "properties": about}


def write_regions(image: ImageFile, found: Sequence[Region], folder: Path) -> Iterator[tuple[Path, int]]:
    """Write the regions of an image, at full resolution; yields (image file, number of nuclei) of each."""
    import tifffile

    for region in found:
        path = folder / f"{image.path.stem}_x{region.left}_y{region.top}.tif"
        pixels = image.read(region.left, region.top, region.right, region.bottom)
        how = (
            {"resolution": (10_000 / image.pixel_size,) * 2, "resolutionunit": "CENTIMETER"} if image.pixel_size else {}
        )
        with whole_file(path) as new:
            tifffile.imwrite(new, pixels[..., ::-1], photometric="rgb", compression="zlib", metadata=None, **how)
        write_json(path.with_suffix(".geojson"), {"type": "FeatureCollection", "features": region.nuclei})
        yield path, len(region.nuclei)
