"""ROIs of ImageJ: `<image>.zip`, `<image>_RoiSet.zip` or `<image>.roi`, or `RoiSet.zip` beside its only image.

Areas (polygons, freehand, traced, rectangles, ovals, composites) are nuclei; points and lines are left out and counted.
ImageJ's coordinates of areas are px with the origin at the corner of the first pixel.
"""

import zipfile
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from nuclei.common.stage import InputError, capped
from nuclei.data.left_out import NO_AREA
from nuclei.data.raw_layout import clutter_reason
from nuclei.formats.interface import FoundImage, Note, Nuclei
from nuclei.formats.matching_files import by_image, by_stem, files_below, ids_of, is_picture, unmatched
from nuclei.formats.shapes import Reading, gather, nucleus_of

ENDINGS = {".zip", ".roi"}
SETS = ("_roiset", "_rois", "-roiset", "_roi")


def fits(names: Collection[PurePosixPath]) -> bool:
    """Files *.roi or *.zip beside images."""
    return any(name.suffix.lower() in ENDINGS for name in names) and any(map(is_picture, names))


def read(folder: Path) -> list[FoundImage]:
    """The images with their ROIs. InputError names each that lacks the other."""
    files = files_below(folder)
    images = by_stem(filter(is_picture, files), "an image")
    about = ((image_of(file, images), file) for file in files if file.suffix.lower() in ENDINGS)
    sets = by_image(about, folder, "save all ROIs of an image together, as RoiSet.zip")
    problems = unmatched(images, sets, folder, "ROIs (.zip or .roi)")
    if problems or not images:
        raise InputError(
            *(capped(problems, folder) or [f"{folder}: no images found, wanted one for each RoiSet.zip; add them"])
        )
    ids = ids_of(images.values(), folder)
    return [FoundImage(ids[file], file, partial(nuclei, sets[stem])) for stem, file in images.items()]


def image_of(file: Path, images: Mapping[str, Path]) -> str:
    """The name of the image that a file of ROIs belongs to: its own, with or without an ending of SETS.

    A file of another name belongs to the only image of its folder. images: {name: image}.
    """
    stem = file.stem
    names = [stem, *(stem[: -len(end)] for end in SETS if stem.lower().endswith(end))]
    beside = [name for name, image in images.items() if image.parent == file.parent]
    return next((name for name in names if name in images), beside[0] if len(beside) == 1 else names[-1])


def rois(path: Path) -> list[Any]:
    """The ROIs of a file, each a roifile.ImagejRoi. InputError where it is damaged.

    A zip file may have been made by hand, with folders and with what macOS adds to them.
    """
    import roifile

    try:
        if path.suffix.lower() != ".zip":
            return [roifile.ImagejRoi.frombytes(path.read_bytes())]
        with zipfile.ZipFile(path) as file:
            names = [name for name in file.namelist() if not name.endswith("/")]
            own = [name for name in names if not any(clutter_reason(Path(part)) for part in name.split("/"))]
            return [roifile.ImagejRoi.frombytes(file.read(name)) for name in own]
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
    """(outer rings, holes) of a composite, as ImageJ fills it: a hole lies within an odd number of other rings."""
    import shapely

    long = [ring for ring in rings if len(ring) > 2]
    outer: list[Any] = []
    holes: list[Any] = []
    for ring in sorted(long, key=lambda ring: -abs(shapely.Polygon(ring).area)):
        inside = sum(shapely.Polygon(other).buffer(0).contains(shapely.Point(ring[0])) for other in [*outer, *holes])
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
    for kind in ("position", "z_position", "t_position"):  # of a stack; of a hyperstack
        pages = sorted({int(getattr(roi, kind)) for roi in read_rois})
        if len(pages) > 1:
            raise InputError(
                f"{path}: ROIs on pages {pages[:5]} found, wanted those of one image; save each page's apart"
            )
    return gather((partial(one, roi, number, path, (width, height)) for number, roi in enumerate(read_rois, 1)), path)
