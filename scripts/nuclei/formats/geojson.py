"""GeoJSON, as QuPath exports it: `<image>.geojson` for each image, anywhere below the folder.

The name of the file is that of the image, with or without its ending. Polygons and MultiPolygons are nuclei, their
inner rings holes. Of a cell of QuPath the nucleus counts (nucleusGeometry). Where a file has detections, cells or
annotations of the class `nucleus`, its other annotations are regions in which nuclei were looked for, and are left out;
otherwise the annotations are the nuclei. What has a class whose name ends in *,
such as Region* and Ignore*, is no nucleus: QuPath itself leaves these classes out of its counts.
Coordinates are px of the full image with the origin at the corner of the first pixel.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from reprlib import repr as short
from typing import Any

import numpy as np

from nuclei.coco.checks import is_finite_number
from nuclei.common.files import read_json
from nuclei.common.stage import InputError, capped
from nuclei.data.left_out import NO_AREA, OTHER
from nuclei.formats.interface import NUCLEUS, FoundImage, Note, Nuclei
from nuclei.formats.matching_files import by_image, by_stem, files_below, ids_of, is_picture, unmatched
from nuclei.formats.shapes import Reading, Ring, gather, nucleus_of

WANTED = "GeoJSON: a FeatureCollection of polygons"
OBJECTS = ("detection", "cell")


def fits(names: Collection[PurePosixPath]) -> bool:
    """Files *.geojson."""
    return any(name.suffix.lower() == ".geojson" for name in names)


def read(folder: Path) -> list[FoundImage]:
    """The images with their GeoJSON. InputError names each that lacks the other."""
    files = files_below(folder)
    images = by_stem(filter(is_picture, files), "an image")
    endings = {".geojson"} if any(file.suffix.lower() == ".geojson" for file in files) else {".json"}
    names = {file.name: stem for stem, file in images.items()}
    about = ((names.get(file.stem, file.stem), file) for file in files if file.suffix.lower() in endings)
    objects = by_image(about, folder, "join or remove one")
    problems = unmatched(images, objects, folder, "GeoJSON")
    if problems or not images:
        raise InputError(
            *(capped(problems, folder) or [f"{folder}: no images found, wanted one for each GeoJSON; add them"])
        )
    ids = ids_of(images.values(), folder)
    return [FoundImage(ids[file], file, partial(nuclei, objects[stem])) for stem, file in images.items()]


def features(content: Any, path: Path) -> list[dict[str, Any]]:
    """The features of a GeoJSON of any kind: a collection, a list of features, one feature, or a geometry alone."""
    kind = content.get("type") if isinstance(content, dict) else None
    if kind == "FeatureCollection" and isinstance(content.get("features"), list):
        rows = content["features"]
    elif isinstance(content, list):
        rows = content
    elif kind == "Feature":
        rows = [content]
    elif isinstance(kind, str) and "coordinates" in content:
        rows = [{"type": "Feature", "geometry": content}]
    else:
        raise InputError(f"{path}: {short(content)} found, wanted {WANTED}; export it again")
    wrong = [number for number, row in enumerate(rows, 1) if not isinstance(row, dict)]
    if wrong:
        raise InputError(f"{path}: feature {wrong[0]} is no object, wanted {WANTED}; export it again")
    return rows


def properties(row: dict[str, Any]) -> dict[str, Any]:
    """The properties of a feature; {} where it has none."""
    return row["properties"] if isinstance(row.get("properties"), dict) else {}


def category_of(row: dict[str, Any]) -> str:
    """The classification of a feature, which QuPath writes as {name} and others as text."""
    found = properties(row).get("classification")
    if isinstance(found, dict):
        names = found.get("names")  # of a class derived from another, such as Tumor: Positive
        found = ": ".join(map(str, names)) if isinstance(names, list) else found.get("name")
    name = found
    return name.strip() if isinstance(name, str) and name.strip() else NUCLEUS


def has_classification(row: dict[str, Any]) -> bool:
    """Whether a feature has a classification of its own."""
    return bool(properties(row).get("classification"))


def kind_of(row: dict[str, Any]) -> Any:
    """What a feature is in QuPath: detection, cell, annotation or another; one without a kind is an annotation."""
    return properties(row).get("objectType", "annotation")


def are_nuclei(rows: Sequence[dict[str, Any]]) -> list[bool]:
    """Of each feature of a file whether it is meant as a nucleus, by the rules at the top."""
    annotated = [kind_of(row) == "annotation" for row in rows]
    drawn = [has_classification(row) and category_of(row).casefold() == NUCLEUS for row in rows]
    sure = [kind_of(row) in OBJECTS or (was and own) for row, was, own in zip(rows, annotated, drawn, strict=True)]
    meant = sure if any(sure) else annotated
    return [one and not category_of(row).endswith("*") for row, one in zip(rows, meant, strict=True)]


def outlines(geometry: Any, place: str) -> Iterator[tuple[list[Ring], list[Ring]]]:
    """Yield (outer rings, holes) of a Polygon or MultiPolygon. InputError where its coordinates are none."""
    polygons = geometry.get("coordinates")
    polygons = [polygons] if geometry["type"] == "Polygon" else polygons
    try:
        right = all(
            all(len(point) in (2, 3) and all(map(is_finite_number, point)) for point in ring) and ring
            for polygon in polygons
            for ring in polygon
        ) and all(polygons)
        found = [[np.array([point[:2] for point in ring], float) for ring in polygon] for polygon in polygons]
    except (TypeError, ValueError):
        right, found = False, []
    if not right or not found:
        raise InputError(
            f"{place}: coordinates {short(geometry.get('coordinates'))} found, wanted rings of [x, y] in px; "
            "export it again"
        )
    for polygon in found:
        rings = [ring[:-1] if len(ring) > 1 and (ring[0] == ring[-1]).all() else ring for ring in polygon]
        yield rings[:1], rings[1:]


def one(row: Any, meant: bool, name: str, path: Path, size: tuple[int, int]) -> Reading:
    """(nucleus, notes) of one feature. meant: whether it is a nucleus; see are_nuclei."""
    geometry = row.get("nucleusGeometry") or row.get("geometry")
    shape = geometry.get("type") if isinstance(geometry, dict) else None
    if not meant:
        of_class = f" of class {short(category_of(row))}" if has_classification(row) else ""
        return None, [Note(name, OTHER, f"{short(kind_of(row))}{of_class}")]
    if shape not in ("Polygon", "MultiPolygon"):
        return None, [Note(name, NO_AREA, f"{short(shape)}")]
    parts = list(outlines(geometry, f"{path}: {name}"))
    outer, holes = ([ring for part in parts for ring in part[side]] for side in (0, 1))
    return nucleus_of(name, outer, size, f"{path}: {name}", holes, category_of(row))


def nuclei(path: Path, width: int, height: int) -> Nuclei:
    """The nuclei of one GeoJSON file."""
    rows = features(read_json(path, WANTED), path)
    readings = (
        partial(one, row, meant, f"feature {number}", path, (width, height))
        for number, (row, meant) in enumerate(zip(rows, are_nuclei(rows), strict=True), 1)
    )
    return gather(readings, path)
