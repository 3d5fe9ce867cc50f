"""Checks of COCO annotations and COCO results, with one line for each problem.

The values come straight from a JSON file and may be of any kind. Functions named `..._problem` say what is wrong with
one value, or None where it is right, and leave the file and what to do to their caller. Coordinates: x right, y down,
px, pixel edges at integers.
"""

from collections.abc import Mapping, Sequence
from reprlib import repr as short
from typing import Any

from nuclei.coco.rle import run_lengths
from nuclei.coco.types import Content
from nuclei.common.limits import MOST_PIXELS
from nuclei.common.stage import InputError, refuse


def image_problem(image: object) -> str | None:
    """What is wrong with an image of a COCO ground truth, or None where it is right."""
    if not isinstance(image, dict):
        return "is no object"
    for key, kind in (("id", int), ("file_name", str), ("height", int), ("width", int)):
        if type(image.get(key)) is not kind or (key in ("height", "width") and image[key] < 1):
            return f"{key} is {short(image.get(key))}, wanted {'text' if kind is str else 'a whole number'}"
    if image["height"] * image["width"] > MOST_PIXELS:
        return f"{short(image['width'])}x{short(image['height'])} px found, wanted {MOST_PIXELS} px at most"
    return None


def annotation_problem(row: object, images: Mapping[int, tuple[int, int]]) -> str | None:
    """What is wrong with an annotation of a COCO ground truth, or None where it is right.

    images: {id: (height, width) in px}.
    """
    if not isinstance(row, dict):
        return "is no object"
    if type(row.get("id")) is not int or row["id"] < 1:  # faster-coco-eval 1.8.0 takes 0 for "not matched"
        return f"id is {short(row.get('id'))}, wanted a whole number above 0"
    if type(row.get("image_id")) is not int or row["image_id"] not in images:
        return f"image_id is {short(row.get('image_id'))}, wanted one of {sorted(images)[:8]}"
    if row.get("category_id") != 1 or row.get("iscrowd") != 0:
        return f"category_id {short(row.get('category_id'))}, iscrowd {short(row.get('iscrowd'))}, wanted 1 and 0"
    if not is_finite_number(row.get("area")) or not is_box(row.get("bbox")):
        return f"area {short(row.get('area'))}, bbox {short(row.get('bbox'))}, wanted numbers of px"
    if isinstance(row.get("segmentation"), list):
        polygons = row["segmentation"]
        right = polygons and all(isinstance(p, list) and len(p) > 5 and len(p) % 2 == 0 for p in polygons)
        if not right or not all(is_finite_number(value) for polygon in polygons for value in polygon):
            return "segmentation is no list of polygons of 3 points or more"
        height, width = images[row["image_id"]]
        if not all(within(polygon[::2], width) and within(polygon[1::2], height) for polygon in polygons):
            return f"segmentation is a polygon outside the image of {width}x{height} px"
        return None
    return rle_problem(row.get("segmentation"), *images[row["image_id"]])


def within(coordinates: Sequence[float], side: int) -> bool:
    """Whether coordinates, px, lie between 0 and `side`, the image's width or height.

    Others must be refused: pycocotools 2.0.11 walks along the whole outline, however far outside of the image it runs,
    and needs time and memory without limit.
    """
    return min(coordinates) >= 0 and max(coordinates) <= side


def check_ground_truth(content: object, file: str = "ground truth") -> None:
    """Raise InputError with all that is wrong with a COCO ground truth: one category with the id 1, no crowds.

    A ground truth without any annotation is right: its images are those whose nuclei are not known.
    content: what was read from `file`, of any kind. file: name of the file for the error lines.
    """
    keys = ("images", "annotations", "categories")
    if not isinstance(content, dict) or any(not isinstance(content.get(key), list) for key in keys):
        raise InputError(
            f"{file}: wanted COCO JSON with the lists {', '.join(keys)}; make it by convert_train.py or convert_test.py"
        )
    problems: list[str] = []
    images: dict[int, tuple[int, int]] = {}
    known: set[int] = set()
    for number, image in enumerate(content["images"]):
        problem = image_problem(image)
        if not problem and image["id"] in images:
            problem = f"id {image['id']} found twice"
        if problem:
            problems.append(f"{file}: image {number}: {problem}; make it by convert_train.py or convert_test.py")
        else:
            images[image["id"]] = (image["height"], image["width"])
    refuse(problems, file)  # first: without its image each annotation would be a problem of its own
    for number, row in enumerate(content["annotations"]):
        problem = annotation_problem(row, images)
        if not problem and row["id"] in known:
            problem = f"id {row['id']} found twice"
        if problem:
            problems.append(f"{file}: annotation {number}: {problem}; make it by convert_train.py or convert_test.py")
        else:
            known.add(row["id"])
    ids = [category.get("id") if isinstance(category, dict) else category for category in content["categories"]]
    if ids != [1] and (ids or content["annotations"]):
        problems.append(
            f"{file}: categories {short(ids)}, wanted the category 1 alone; "
            "make it by convert_train.py or convert_test.py"
        )
    refuse(problems, file)


def is_finite_number(value: Any) -> bool:
    """Whether a value from JSON is a finite number (true and false are none) that a float can hold: below 1e300."""
    return type(value) in (int, float) and abs(value) < 1e300


def is_box(box: object) -> bool:
    """Whether a value from JSON is a box [left, top, width, height] of finite numbers, its sides not negative."""
    return isinstance(box, list) and len(box) == 4 and all(map(is_finite_number, box)) and min(box[2:]) >= 0


def rle_problem(segmentation: object, height: int, width: int) -> str | None:
    """What is wrong with a compressed RLE for an image of height x width px, or None where it is right."""
    if not isinstance(segmentation, dict) or not {"size", "counts"} <= segmentation.keys():
        return "segmentation is no RLE {size, counts}"
    size = segmentation["size"]
    if size != [height, width] or any(type(side) is not int for side in size):
        return f"segmentation size {short(size)} is not the image's [{height}, {width}]"
    counts = segmentation["counts"]
    if not isinstance(counts, str):
        return f"segmentation counts are {type(counts).__name__}, not a string"
    runs = run_lengths(counts)
    if runs is None:
        return "segmentation counts are not RLE"
    if sum(runs) != height * width:
        return f"segmentation counts cover {sum(runs)} px, not {height * width} px"
    return None


def prediction_problem(row: object, images: Mapping[int, tuple[int, int]], box: bool = False) -> str | None:
    """What is wrong with one COCO result, or None where it is right.

    images: {id: (height, width) in px}. box: whether the result must have a bbox too.
    """
    if not isinstance(row, dict):
        return "is no object"
    if type(row.get("image_id")) is not int or row["image_id"] not in images:
        return f"image_id is {short(row.get('image_id'))}, wanted one of {sorted(images)[:8]}"
    if type(row.get("category_id")) is not int or row["category_id"] != 1:
        return f"category_id is {short(row.get('category_id'))}, wanted 1"
    if not is_finite_number(row.get("score")):
        return f"score is {short(row.get('score'))}, wanted a finite number"
    if box and not is_box(row.get("bbox")):
        return f"bbox is {short(row.get('bbox'))}, wanted [x, y, width, height] in px"
    return rle_problem(row.get("segmentation"), *images[row["image_id"]])


def check_predictions(rows: object, content: Content, file: str = "predictions", box: bool = False) -> None:
    """Raise InputError with the bad rows of COCO results, by number from 0 on.

    rows: what was read from `file`, of any kind. content: the ground truth, which was checked before. file: name of the
    file for the error lines. box: whether each row must have a bbox too.
    """
    if not isinstance(rows, list):
        raise InputError(f"{file}: {type(rows).__name__} found, wanted a list of COCO results; predict again")
    images = {image["id"]: (image["height"], image["width"]) for image in content["images"]}
    found = ((number, prediction_problem(row, images, box)) for number, row in enumerate(rows))
    refuse([f"{file}: row {number}: {problem}; correct the row" for number, problem in found if problem], file)
