"""Checks of COCO annotations and COCO results, with one line for each problem."""

from reprlib import repr as short

from nuclei.coco.rle import run_lengths
from nuclei.common.limits import MOST_PIXELS
from nuclei.common.stage import InputError, refuse


def image_problem(image):
    """What is wrong with an image of a COCO ground truth, or None."""
    if not isinstance(image, dict):
        return "is no object"
    for key, kind in (("id", int), ("file_name", str), ("height", int), ("width", int)):
        if type(image.get(key)) is not kind or (key in ("height", "width") and image[key] < 1):
            return f"{key} is {short(image.get(key))}, wanted {'text' if kind is str else 'a whole number'}"
    if image["height"] * image["width"] > MOST_PIXELS:
        return f"{short(image['width'])}x{short(image['height'])} px found, wanted {MOST_PIXELS} px at most"
    return None


def annotation_problem(row, images):
    """What is wrong with an annotation of a COCO ground truth, or None. images: {id: (height, width)}."""
    if not isinstance(row, dict):
        return "is no object"
    if type(row.get("id")) is not int or row["id"] < 1:  # faster-coco-eval takes 0 for "unmatched"
        return f"id is {short(row.get('id'))}, wanted a whole number above 0"
    if type(row.get("image_id")) is not int or row["image_id"] not in images:
        return f"image_id is {short(row.get('image_id'))}, wanted one of {sorted(images)[:8]}"
    if row.get("category_id") != 1 or row.get("iscrowd") != 0:
        return f"category_id {short(row.get('category_id'))}, iscrowd {short(row.get('iscrowd'))}, wanted 1 and 0"
    if not finite(row.get("area")) or not box_of_numbers(row.get("bbox")):
        return f"area {short(row.get('area'))}, bbox {short(row.get('bbox'))}, wanted numbers of px"
    if isinstance(row.get("segmentation"), list):
        polygons = row["segmentation"]
        right = polygons and all(isinstance(p, list) and len(p) > 5 and len(p) % 2 == 0 for p in polygons)
        if not right or not all(finite(value) for polygon in polygons for value in polygon):
            return "segmentation is no list of polygons of 3 points or more"
        height, width = images[row["image_id"]]
        if not all(inside(polygon[::2], width) and inside(polygon[1::2], height) for polygon in polygons):
            return f"segmentation is a polygon outside the image of {width}x{height} px"
        return None
    return rle_problem(row.get("segmentation"), *images[row["image_id"]])


def inside(coordinates, side):
    """Whether coordinates lie on a side of the image, px; pycocotools draws far ones without end."""
    return min(coordinates) >= 0 and max(coordinates) <= side


def check_ground_truth(content, file="ground truth"):
    """Raise InputError with all that is wrong with a COCO ground truth of one category, 1, without crowds.

    No annotations at all are right: images whose nuclei are not known.
    """
    keys = ("images", "annotations", "categories")
    if not isinstance(content, dict) or any(not isinstance(content.get(key), list) for key in keys):
        raise InputError(
            f"{file}: wanted COCO JSON with the lists {', '.join(keys)}; make it by convert_train.py or convert_test.py"
        )
    problems, images, known = [], {}, set()
    for number, image in enumerate(content["images"]):
        problem = image_problem(image)
        if not problem and image["id"] in images:
            problem = f"id {image['id']} found twice"
        if problem:
            problems.append(f"{file}: image {number}: {problem}; make it by convert_train.py or convert_test.py")
        else:
            images[image["id"]] = (image["height"], image["width"])
    refuse(problems, file)  # before the annotations, which would all seem to belong to no image
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


def finite(value):
    """Whether a value from JSON is a finite number (no bool), as a float can hold it."""
    return type(value) in (int, float) and abs(value) < 1e300


def box_of_numbers(box):
    """Whether a value from JSON is a box [x, y, width, height], its sides not negative."""
    return isinstance(box, list) and len(box) == 4 and all(map(finite, box)) and min(box[2:]) >= 0


def rle_problem(segmentation, height, width):
    """What is wrong with a compressed RLE for an image of height x width px, or None."""
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


def prediction_problem(row, images, box=False):
    """What is wrong with one COCO result, or None. images: {id: (height, width)}; box: whether it wants a bbox."""
    if not isinstance(row, dict):
        return "is no object"
    if type(row.get("image_id")) is not int or row["image_id"] not in images:
        return f"image_id is {short(row.get('image_id'))}, wanted one of {sorted(images)[:8]}"
    if type(row.get("category_id")) is not int or row["category_id"] != 1:
        return f"category_id is {short(row.get('category_id'))}, wanted 1"
    if not finite(row.get("score")):
        return f"score is {short(row.get('score'))}, wanted a finite number"
    if box and not box_of_numbers(row.get("bbox")):
        return f"bbox is {short(row.get('bbox'))}, wanted [x, y, width, height] in px"
    return rle_problem(row.get("segmentation"), *images[row["image_id"]])


def check_predictions(rows, content, file="predictions", box=False):
    """Raise InputError naming the bad rows of COCO results."""
    if not isinstance(rows, list):
        raise InputError(f"{file}: {type(rows).__name__} found, wanted a list of COCO results; predict again")
    images = {image["id"]: (image["height"], image["width"]) for image in content["images"]}
    found = ((number, prediction_problem(row, images, box)) for number, row in enumerate(rows))
    refuse([f"{file}: row {number}: {problem}; correct the row" for number, problem in found if problem], file)
