"""Scores of predicted instances against true ones, by faster-coco-eval (equal to pycocotools, tested).

Two families that must not be mixed: the report's "mAP" is AP50 with at most 100 detections an image; the others say
their cap and IoU in their name: ap_1000 = AP over IoU 0.50:0.05:0.95 with at most 1000 detections an image.
Definitions: Lin et al., "Microsoft COCO: Common Objects in Context", 2014, and cocodataset.org/#detection-eval
(101 recall thresholds).
"""

import copy
from reprlib import repr as short  # of any depth and length

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from nuclei.coco.rle import run_lengths
from nuclei.common.stage import InputError

CAPS = (100, 1000)
NAMES = tuple(f"{kind}_{cap}" for cap in CAPS for kind in ("ap", "ap50", "ap75"))
MOST_PIXELS = 2**30  # of an image; OpenCV reads no larger one
RECALL_THRESHOLDS = np.linspace(0.0, 1.0, 101)  # as in COCOeval


def ceiling(nuclei, cap=100):
    """Largest AP50 that any detector can reach with at most `cap` detections an image.

    nuclei: number of true nuclei of each image. With perfect detections, recall ends at sum(min(n, cap)) / sum(n);
    precision is 1 at every recall threshold up to there and 0 above. None without nuclei.

    >>> round(ceiling([294, 310, 800, 300, 356, 300]), 4)
    0.2574
    """
    total = sum(nuclei)
    if not total:
        return None
    recall = sum(min(count, cap) for count in nuclei) / total
    return float(np.count_nonzero(recall >= RECALL_THRESHOLDS) / 101)


def refuse(problems, file, shown=20):
    """Raise InputError with the first `shown` problem lines and the number of the others, if there are any."""
    if problems:
        more = [f"{file}: {len(problems) - shown} more problems like these"] if len(problems) > shown else []
        raise InputError(*problems[:shown], *more)


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
        raise InputError(f"{file}: wanted COCO JSON with the lists {', '.join(keys)}; make it by mask2coco.py")
    problems, images, known = [], {}, set()
    for number, image in enumerate(content["images"]):
        problem = image_problem(image)
        if not problem and image["id"] in images:
            problem = f"id {image['id']} found twice"
        if problem:
            problems.append(f"{file}: image {number}: {problem}; make it by mask2coco.py")
        else:
            images[image["id"]] = (image["height"], image["width"])
    refuse(problems, file)  # before the annotations, which would all seem to belong to no image
    for number, row in enumerate(content["annotations"]):
        problem = annotation_problem(row, images)
        if not problem and row["id"] in known:
            problem = f"id {row['id']} found twice"
        if problem:
            problems.append(f"{file}: annotation {number}: {problem}; make it by mask2coco.py")
        else:
            known.add(row["id"])
    ids = [category.get("id") if isinstance(category, dict) else category for category in content["categories"]]
    if ids != [1] and (ids or content["annotations"]):
        problems.append(f"{file}: categories {short(ids)}, wanted the category 1 alone; make it by mask2coco.py")
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


def evaluate(content, rows, caps=CAPS):
    """{"ap_100": …, …} of COCO results against a COCO ground truth; None for each where there are no nuclei."""
    if not content["annotations"]:
        return {f"{kind}_{cap}": None for cap in caps for kind in ("ap", "ap50", "ap75")}
    if not rows:
        return {f"{kind}_{cap}": 0.0 for cap in caps for kind in ("ap", "ap50", "ap75")}
    # copies, because the library writes into what it is given; without boxes, which it would take for detections
    keys = ("image_id", "category_id", "score", "segmentation")
    content, rows = copy.deepcopy(content), copy.deepcopy([{key: row[key] for key in keys} for row in rows])
    truth = COCO(content)
    evaluation = COCOeval_faster(truth, truth.loadRes(rows), iouType="segm")
    evaluation.params.maxDets = [1, *caps]
    evaluation.evaluate()
    evaluation.accumulate()
    # precision: IoU x recall x category x area range x cap; area range 0 is "all", IoU 0 is 0.50, IoU 5 is 0.75
    precision = evaluation.eval["precision"][:, :, 0, 0, 1:]
    scores = {}
    for at, cap in enumerate(caps):
        scores[f"ap_{cap}"] = float(precision[..., at].mean())
        scores[f"ap50_{cap}"] = float(precision[0, :, at].mean())
        scores[f"ap75_{cap}"] = float(precision[5, :, at].mean())
    return scores


def score(content, rows, per_image=True):
    """All scores of COCO results against a COCO ground truth.

    content: COCO JSON (images, annotations, categories); rows: COCO results with RLE masks. Returns the keys of
    scores.json: map_report (AP50 at 100 detections an image), ceiling_report, the six of NAMES, images, nuclei,
    predictions, scored (False where there are no true nuclei: all scores None) and per_image, the same by image.
    """
    counts = [len(nuclei) for nuclei in by_image(content, content["annotations"]).values()]
    result = {
        "scored": bool(content["annotations"]),
        "images": len(counts),
        "nuclei": sum(counts),
        "predictions": len(rows),
        "ceiling_report": ceiling(counts),
        **evaluate(content, rows),
    }
    result["map_report"] = result["ap50_100"]
    if per_image:
        result["per_image"] = image_scores(content, rows)
    return result


def by_image(content, rows):
    """{image id: rows of that image, in their order}, for every image of `content`."""
    found = {image["id"]: [] for image in content["images"]}
    for row in rows:
        found[row["image_id"]].append(row)
    return found


def image_scores(content, rows):
    """The scores of each image taken alone, by image id."""
    truth, found, result = by_image(content, content["annotations"]), by_image(content, rows), []
    for image in sorted(content["images"], key=lambda image: image["id"]):
        own, nuclei = found[image["id"]], truth[image["id"]]
        alone = {"images": [image], "annotations": nuclei, "categories": content["categories"]}
        result.append(
            {
                "image_id": image["id"],
                "file_name": image["file_name"],
                "nuclei": len(nuclei),
                "predictions": len(own),
                "ceiling_report": ceiling([len(nuclei)]),
                **evaluate(alone, own),
            }
        )
    return result
