"""Scores of predicted instances against true ones, by faster-coco-eval (equal to pycocotools, tested).

Two families that must not be mixed: the report's "mAP" is AP50 with at most 100 detections an image; the others say
their cap and IoU in their name: ap_1000 = AP over IoU 0.50:0.05:0.95 with at most 1000 detections an image.
Definitions: Lin et al., "Microsoft COCO: Common Objects in Context", 2014, and cocodataset.org/#detection-eval
(101 recall thresholds).
"""

import contextlib
import copy
import io
import math

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from nuclei.stage import InputError

CAPS = (100, 1000)
NAMES = tuple(f"{kind}_{cap}" for cap in CAPS for kind in ("ap", "ap50", "ap75"))
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
    return float(np.count_nonzero(recall + 1e-12 >= RECALL_THRESHOLDS) / 101)


def check_ground_truth(content, file="ground truth"):
    """Raise InputError unless `content` is a COCO ground truth with images, annotations and categories."""
    keys = ("images", "annotations", "categories")
    if not isinstance(content, dict) or any(not isinstance(content.get(key), list) for key in keys):
        raise InputError(f"{file}: wanted COCO JSON with the lists {', '.join(keys)}; make it by mask2coco.py")
    fields = {"id", "file_name", "height", "width"}
    bad = [image for image in content["images"] if not isinstance(image, dict) or not fields <= image.keys()]
    if bad:
        raise InputError(f"{file}: image {str(bad[0])[:80]} lacks some of {sorted(fields)}; make it by mask2coco.py")


def rle_problem(segmentation, height, width):
    """What is wrong with a compressed RLE for an image of height x width px, or None."""
    if not isinstance(segmentation, dict) or not {"size", "counts"} <= segmentation.keys():
        return "segmentation is no RLE {size, counts}"
    if segmentation["size"] != [height, width]:
        return f"segmentation size {segmentation['size']} is not the image's [{height}, {width}]"
    counts = segmentation["counts"]
    if not isinstance(counts, str):
        return f"segmentation counts are {type(counts).__name__}, not a string"
    total = run_total(counts)
    if total != height * width:
        return f"segmentation counts {'are not RLE' if total is None else f'cover {total} px'}, not {height * width} px"
    return None


def run_total(counts):
    """Pixels covered by a compressed RLE string, or None where it is no such string.

    pycocotools decodes without checking, beyond the end of its buffer if need be, so the string is read here first:
    each run is a little-endian base-32 number of characters from "0" on, from the fourth on as the difference to the
    run two before it (pycocotools, maskApi.c, rleFrString).
    """
    runs, value, shift = [], 0, 0
    for char in counts:
        digit = ord(char) - 48
        if not 0 <= digit < 64:
            return None
        value |= (digit & 0x1F) << shift
        shift += 5
        if shift > 60:
            return None
        if not digit & 0x20:
            if digit & 0x10:
                value -= 1 << shift
            if len(runs) > 2:
                value += runs[-2]
            if not 0 <= value < 2**32:
                return None
            runs.append(value)
            value, shift = 0, 0
    return None if shift else sum(runs)


def prediction_problem(row, images):
    """What is wrong with one COCO result, or None. images: {id: (height, width)}."""
    if not isinstance(row, dict):
        return "is no object"
    if type(row.get("image_id")) is not int or row["image_id"] not in images:
        return f"image_id is {row.get('image_id')!r}, wanted one of {sorted(images)[:8]}"
    if row.get("category_id") != 1:
        return f"category_id is {row.get('category_id')!r}, wanted 1"
    value = row.get("score")
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return f"score is {value!r}, wanted a finite number"
    return rle_problem(row.get("segmentation"), *images[row["image_id"]])


def check_predictions(rows, content, file="predictions", shown=20):
    """Raise InputError naming the bad rows of COCO results (the first `shown`, and how many more)."""
    if not isinstance(rows, list):
        raise InputError(f"{file}: {type(rows).__name__} found, wanted a list of COCO results; predict again")
    images = {image["id"]: (image["height"], image["width"]) for image in content["images"]}
    problems = []
    for number, row in enumerate(rows):
        problem = prediction_problem(row, images)
        if problem:
            problems.append(f"{file}: row {number}: {problem}; correct the row")
    if problems:
        more = [f"{file}: {len(problems) - shown} more bad rows"] if len(problems) > shown else []
        raise InputError(*problems[:shown], *more)


def evaluate(content, rows, caps=CAPS):
    """{"ap_100": …, …} of COCO results against a COCO ground truth; None for each where there are no nuclei."""
    if not content["annotations"]:
        return {f"{kind}_{cap}": None for cap in caps for kind in ("ap", "ap50", "ap75")}
    if not rows:
        return {f"{kind}_{cap}": 0.0 for cap in caps for kind in ("ap", "ap50", "ap75")}
    # copies, because the library writes into what it is given; without boxes, which it would take for detections
    keys = ("image_id", "category_id", "score", "segmentation")
    content, rows = copy.deepcopy(content), copy.deepcopy([{key: row[key] for key in keys} for row in rows])
    with contextlib.redirect_stdout(io.StringIO()):
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
    counts = {image["id"]: 0 for image in content["images"]}
    for annotation in content["annotations"]:
        counts[annotation["image_id"]] += 1
    result = {
        "scored": bool(content["annotations"]),
        "images": len(counts),
        "nuclei": sum(counts.values()),
        "predictions": len(rows),
        "ceiling_report": ceiling(list(counts.values())),
        **evaluate(content, rows),
    }
    result["map_report"] = result["ap50_100"]
    if per_image:
        result["per_image"] = []
        for image in sorted(content["images"], key=lambda image: image["id"]):
            own = [row for row in rows if row["image_id"] == image["id"]]
            truth = [row for row in content["annotations"] if row["image_id"] == image["id"]]
            result["per_image"].append(
                {
                    "image_id": image["id"],
                    "file_name": image["file_name"],
                    "nuclei": len(truth),
                    "predictions": len(own),
                    "ceiling_report": ceiling([len(truth)]),
                    **evaluate({**content, "images": [image], "annotations": truth}, own),
                }
            )
    return result
