"""COCO JSON: one file or several (as train, valid and test of Roboflow), each beside or above its images.

Segmentations may be polygons (of which a nucleus may have several; they are united) or run-length codes, compressed or
not. Crowds are left out and counted; images that no JSON names are left out with a warning. Ids may be any numbers in
any order; categories without annotations do not count.
"""

import sys
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from reprlib import repr as short
from typing import Any, cast

import numpy as np
from pycocotools import mask as coco_mask

from nuclei.coco.checks import is_finite_number, rle_problem
from nuclei.coco.rle import decode_part
from nuclei.coco.types import RLE
from nuclei.common.files import read_json
from nuclei.common.stage import InputError, capped
from nuclei.data.left_out import CROWD, EMPTY
from nuclei.formats.interface import NUCLEUS, FoundImage, Note, Nuclei, Nucleus
from nuclei.formats.matching_files import files_below, ids_of, is_picture
from nuclei.formats.shapes import Reading, gather, nucleus_of

LISTS = ("images", "annotations")
MOST_NAMED = 10  # images in one warning


def fits(names: Collection[PurePosixPath]) -> bool:
    """JSON files beside images; no GeoJSON."""
    endings = {name.suffix.lower() for name in names}
    return ".json" in endings and ".geojson" not in endings and any(map(is_picture, names))


def read(folder: Path) -> list[FoundImage]:
    """The images that the JSON files name. InputError names each image that is not there, and each wrong row."""
    files = files_below(folder)
    pictures = [file for file in files if is_picture(file)]
    found: dict[Path, Callable[[int, int], Nuclei]] = {}
    problems: list[str] = []
    read_any = False
    for path in (file for file in files if file.suffix.lower() == ".json"):
        content = read_json(path, "COCO JSON")
        if not isinstance(content, dict) or any(not isinstance(content.get(key), list) for key in LISTS):
            continue
        read_any = True
        names, rows = categories(content, path, problems), by_image(content["annotations"], path, problems)
        ids: set[int] = set()
        for row in content["images"]:
            file = image_file(row, path, pictures, problems)
            if file and (file in found or row["id"] in ids):
                what = row["file_name"] if file in found else f"image id {row['id']}"
                problems.append(f"{path}: {what} found twice, wanted one row for each image; correct or remove one")
            elif file:
                ids.add(row["id"])
                found[file] = partial(nuclei, path, rows.pop(row["id"], []), names, about=row)
        if rows and not problems:
            problems.append(
                f"{path}: annotations of image_id {short(sorted(rows, key=str))} found, wanted ids of images"
            )
    if not read_any:
        problems.append(f"{folder}: no JSON with the lists {' and '.join(LISTS)} found, wanted COCO JSON; add it")
    if problems or not found:
        raise InputError(*(capped(problems, folder) or [f"{folder}: no images in any JSON found, wanted one; add it"]))
    if left_out := [str(file.relative_to(folder)) for file in pictures if file not in found]:
        shown = ", ".join(left_out[:MOST_NAMED]) + ", …" * (len(left_out) > MOST_NAMED)
        print(f"warning: {folder}: {len(left_out)} images left out, since no JSON names them: {shown}", file=sys.stderr)
    image_ids = ids_of(found, folder)
    return [FoundImage(image_ids[file], file, nuclei_of) for file, nuclei_of in found.items()]


def categories(content: Mapping[str, Any], path: Path, problems: list[str]) -> dict[int, str]:
    """{id: name} of the categories of a JSON."""
    names = {}
    rows = content.get("categories")
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict) or type(row.get("id")) is not int or not isinstance(row.get("name"), str):
            problems.append(f"{path}: category {short(row)} found, wanted id (a number) and name (text); correct it")
        elif row["id"] in names:
            problems.append(f"{path}: category id {row['id']} found twice, wanted each once; correct it")
        else:
            names[row["id"]] = row["name"].strip() or NUCLEUS
    return names


def by_image(rows: list[Any], path: Path, problems: list[str]) -> dict[Any, list[Any]]:
    """{image_id: its annotations}; a row that is no object is a problem."""
    found: dict[Any, list[Any]] = {}
    for row in rows:
        if not isinstance(row, dict) or type(row.get("image_id")) is not int:
            problems.append(f"{path}: annotation {short(row)} found, wanted an object with image_id; correct it")
        else:
            found.setdefault(row["image_id"], []).append(row)
    return found


def image_file(row: Any, path: Path, pictures: list[Path], problems: list[str]) -> Path | None:
    """The file of a row of `images`: from the JSON's folder on, or else the only one of that name anywhere."""
    if not isinstance(row, dict) or not isinstance(row.get("file_name"), str) or type(row.get("id")) is not int:
        problems.append(f"{path}: image {short(row)} found, wanted file_name (text) and id (a number); correct it")
        return None
    name = row["file_name"].replace("\\", "/")
    beside = [file for file in pictures if file == path.parent / name]
    named = beside or [file for file in pictures if file.name == name.rsplit("/", 1)[-1]]
    if len(named) != 1:
        problems.append(
            f"{path}: image {short(name)}: {len(named)} files of that name found, wanted one; correct the name"
        )
        return None
    return named[0]


def nuclei(
    path: Path,
    rows: list[dict[str, Any]],
    names: Mapping[int, str],
    width: int,
    height: int,
    about: Mapping[str, Any] | None = None,
) -> Nuclei:
    """The nuclei of the annotations of one image. about: its row of `images`.

    InputError where that has another width or height, px: the outlines are then those of an image of another size.
    """
    if about and all(type(about.get(side)) is int and about[side] > 0 for side in ("width", "height")):
        wide, high = about["width"], about["height"]
        if (wide, high) != (width, height):
            raise InputError(
                f"{path}: image {short(about['file_name'])}: {wide}x{high} px found, wanted {width}x{height} as the "
                "image has; take the image that was annotated"
            )
    readings = (
        partial(one, row, f"annotation {row.get('id', number)}", str(path), names, (width, height))
        for number, row in enumerate(rows, 1)
    )
    return gather(readings, path)


def one(row: Mapping[str, Any], name: str, path: str, names: Mapping[int, str], size: tuple[int, int]) -> Reading:
    """(nucleus, notes) of one annotation; InputError where its segmentation is none."""
    if row.get("iscrowd"):
        return None, [Note(name, CROWD)]
    width, height = size
    form, place = row.get("segmentation"), f"{path}: {name}"
    number = row.get("category_id")
    unknown = f"category_id {short(number)}" if names else NUCLEUS
    category = names.get(number, unknown) if type(number) is int else unknown
    if isinstance(form, list) and form:
        if any(not isinstance(p, list) or len(p) % 2 or not all(map(is_finite_number, p)) for p in form):
            raise InputError(
                f"{place}: segmentation {short(form)} found, wanted [[x, y, x, y, …], …] in px; correct it"
            )
        rings = [np.array(polygon, float).reshape(-1, 2) for polygon in form]
        return nucleus_of(name, rings, size, place, category=category)
    if isinstance(form, dict) and isinstance(form.get("counts"), list):
        counts = form["counts"]
        right = all(type(run) is int and 0 <= run < 2**31 for run in counts) and sum(counts) == width * height
        if form.get("size") != [height, width] or not right:
            raise InputError(f"{place}: run lengths of another image found, wanted {width}x{height} px; correct them")
        form = coco_mask.frPyObjects(form, height, width)
        form = {"size": [height, width], "counts": form["counts"].decode()}
    if problem := rle_problem(form, height, width):
        more = "; a box alone is no mask: export polygons or masks" if not form else "; export it again"
        raise InputError(f"{place}: {problem}, wanted a mask or polygons{more}")
    if not coco_mask.area(form):
        return None, [Note(name, EMPTY)]
    return Nucleus(name, *decode_part(cast(RLE, form)), category), []
