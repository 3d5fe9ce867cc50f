"""Checks of COCO annotations and COCO results, with one line for each problem.

The values come straight from a JSON file and may be of any kind. Functions named `..._problem` say what is wrong with
one value, or None where it is right, and leave the file and what to do to their caller. Coordinates: x right, y down,
px, pixel edges at integers.
"""

from collections.abc import Collection, Mapping, Sequence
from reprlib import repr as short
from typing import Any

from nuclei.coco.rle import run_lengths
from nuclei.coco.types import PIXEL_SIZE, Content
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
    size = image.get(PIXEL_SIZE, 1)
    if not is_finite_number(size) or size <= 0:
        return f"{PIXEL_SIZE} is {short(size)}, wanted a number of µm above 0"
    return None


def annotation_problem(
    row: object, images: Mapping[int, tuple[int, int]], categories: Collection[int] = (1,)
) -> str | None:
    """What is wrong with an annotation of a COCO ground truth, or None where it is right.

    images: {id: (height, width) in px}. categories: their ids.
    """
    if not isinstance(row, dict):
        return "is no object"
    if type(row.get("id")) is not int or row["id"] < 1:  # faster-coco-eval 1.8.0 takes 0 for "not matched"
        return f"id is {short(row.get('id'))}, wanted a whole number above 0"
    if type(row.get("image_id")) is not int or row["image_id"] not in images:
        return f"image_id is {short(row.get('image_id'))}, wanted one of {sorted(images)[:8]}"
    if not is_one_of(row.get("category_id"), categories) or row.get("iscrowd") != 0:
        found = f"category_id {short(row.get('category_id'))}, iscrowd {short(row.get('iscrowd'))}"
        return f"{found}, wanted {one_of(categories)} and 0"
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
    """Raise InputError with all that is wrong with a COCO ground truth: categories with the ids 1, 2, …, no crowds.

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
    categories = check_categories(content, file)
    for number, row in enumerate(content["annotations"]):
        problem = annotation_problem(row, images, categories)
        if not problem and row["id"] in known:
            problem = f"id {row['id']} found twice"
        if problem:
            problems.append(f"{file}: annotation {number}: {problem}; make it by convert_train.py or convert_test.py")
        else:
            known.add(row["id"])
    refuse(problems, file)


def check_categories(content: Mapping[str, Any], file: str) -> list[int]:
    """The ids of the categories of a COCO ground truth; where it has none, and no annotations, that of one class.

    InputError unless they are 1, 2, … in this order, each with a name of its own.
    """
    rows = content["categories"]
    ids = [row.get("id") if isinstance(row, dict) else row for row in rows]
    names = [row.get("name") for row in rows if isinstance(row, dict)]
    whole = all(type(number) is int for number in ids) and ids == list(range(1, len(ids) + 1))
    named = len(ids) == 1 or (all(isinstance(name, str) and name for name in names) and len(set(names)) == len(ids))
    if (ids and not (whole and named)) or (content["annotations"] and not ids):
        raise InputError(
            f"{file}: categories {short(ids)}, wanted the ids 1, 2, … and a name of its own for each; "
            "make it by convert_train.py or convert_test.py"
        )
    return [*range(1, len(ids) + 1)] or [1]


def is_one_of(number: object, categories: Collection[int]) -> bool:
    """Whether a value from JSON is the id of a category."""
    return type(number) is int and number in categories


def one_of(categories: Collection[int]) -> str:
    """The ids of categories, as an error names them."""
    return "1" if len(categories) == 1 else f"1 to {len(categories)}"


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


def prediction_problem(
    row: object, images: Mapping[int, tuple[int, int]], box: bool = False, categories: Collection[int] = (1,)
) -> str | None:
    """What is wrong with one COCO result, or None where it is right.

    images: {id: (height, width) in px}. box: whether the result must have a bbox too. categories: their ids.
    """
    if not isinstance(row, dict):
        return "is no object"
    if type(row.get("image_id")) is not int or row["image_id"] not in images:
        return f"image_id is {short(row.get('image_id'))}, wanted one of {sorted(images)[:8]}"
    if not is_one_of(row.get("category_id"), categories):
        return f"category_id is {short(row.get('category_id'))}, wanted {one_of(categories)}"
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
    categories = [row["id"] for row in content["categories"]] or [1]
    found = ((number, prediction_problem(row, images, box, categories)) for number, row in enumerate(rows))
    refuse([f"{file}: row {number}: {problem}; correct the row" for number, problem in found if problem], file)
