"""ROIs of ImageJ: `<image>.zip`, `<image>_RoiSet.zip` or `<image>.roi`, or `RoiSet.zip` beside its only image.

Areas (polygons, freehand, traced, rectangles, ovals, composites) are nuclei; points and lines are left out and counted.
ImageJ's coordinates of areas are px with the origin at the corner of the first pixel.
"""

from collections.abc import Collection
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from nuclei.common.stage import InputError, capped
from nuclei.data.left_out import NO_AREA
from nuclei.formats.interface import FoundImage, Note, Nuclei
from nuclei.formats.matching_files import by_stem, files_below, ids_of, is_picture, unmatched
from nuclei.formats.shapes import Reading, gather, nucleus_of

ENDINGS = {".zip", ".roi"}
SETS = ("_RoiSet", "_rois", "-RoiSet", "_ROI")


def fits(names: Collection[PurePosixPath]) -> bool:
    """Files *.roi or *.zip beside images."""
    return any(name.suffix.lower() in ENDINGS for name in names) and any(map(is_picture, names))


def read(folder: Path) -> list[FoundImage]:
    """The images with their ROIs. InputError names each that lacks the other."""
    files = files_below(folder)
    images = by_stem(filter(is_picture, files), "an image")
    sets: dict[str, Path] = {}
    for file in (file for file in files if file.suffix.lower() in ENDINGS):
        stem = file.stem
        for end in SETS:
            stem = stem.removesuffix(end)
        beside = [name for name, image in images.items() if image.parent == file.parent]
        sets[beside[0] if stem not in images and len(beside) == 1 else stem] = file
    problems = unmatched(images, sets, folder, "ROIs (.zip or .roi)")
    if problems or not images:
        raise InputError(
            *(capped(problems, folder) or [f"{folder}: no images found, wanted one for each RoiSet.zip; add them"])
        )
    ids = ids_of(images.values(), folder)
    return [FoundImage(ids[file], file, partial(nuclei, sets[stem])) for stem, file in images.items()]


def rois(path: Path) -> list[Any]:
    """The ROIs of a file, each a roifile.ImagejRoi. InputError where it is damaged."""
    import roifile

    try:
        found = roifile.roiread(path)
        return found if isinstance(found, list) else [found]
    except Exception as error:  # roifile, zipfile and struct raise many kinds on damaged files
        raise InputError(f"{path}: not readable ({error!s:.60}), wanted ROIs of ImageJ; save them again") from None


def outlines(roi: Any) -> list[Any]:
    """The rings of an area, each (points, 2) in px; [] for points and lines."""
    import roifile

    kind = roifile.ROI_TYPE
    if roi.roitype in (kind.POINT, kind.LINE, kind.FREELINE, kind.POLYLINE, kind.ANGLE, kind.NOROI):
        return [] if not roi.composite else list(roi.coordinates(multi=True))
    found = roi.coordinates(multi=True)
    return [np.asarray(ring, float).reshape(-1, 2) for ring in (found if isinstance(found, list) else [found])]


def by_containment(rings: list[Any]) -> tuple[list[Any], list[Any]]:
    """(outer rings, holes) of a composite: a ring inside of an outer one is a hole, as ImageJ fills it."""
    import shapely

    long = [ring for ring in rings if len(ring) > 2]
    outer: list[Any] = []
    holes: list[Any] = []
    for ring in sorted(long, key=lambda ring: -abs(shapely.Polygon(ring).area)):
        inside = sum(shapely.Polygon(other).buffer(0).contains(shapely.Point(ring[0])) for other in outer)
        (holes if inside % 2 else outer).append(ring)
    return outer or rings, holes


def one(roi: Any, number: int, path: Path, size: tuple[int, int]) -> Reading:
    """(nucleus, notes) of one ROI. number: its place in the file, from 1 on."""
    name = f"ROI {number} ({roi.name})" if roi.name else f"ROI {number}"
    place = f"{path}: {name}"
    try:
        rings = outlines(roi)
        if not rings:
            return None, [Note(name, NO_AREA, roi.roitype.name)]
        outer, holes = (rings, []) if len(rings) == 1 else by_containment(rings)
        return nucleus_of(name, outer, size, place, holes)
    except InputError:
        raise
    except Exception as error:  # of damaged numbers inside a ROI
        raise InputError(f"{place}: not readable ({error!s:.60}), wanted an area; save it again") from None


def nuclei(path: Path, width: int, height: int) -> Nuclei:
    """The nuclei of one file of ROIs. InputError where they lie on several pages of a stack."""
    read_rois = rois(path)
    pages = sorted({int(roi.position) for roi in read_rois})
    if len(pages) > 1:
        raise InputError(f"{path}: ROIs on pages {pages[:5]} found, wanted those of one image; save each page's apart")
    return gather((partial(one, roi, number, path, (width, height)) for number, roi in enumerate(read_rois, 1)), path)
