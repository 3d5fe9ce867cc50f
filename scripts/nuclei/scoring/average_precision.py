"""How AP (average precision) is computed: scores of predicted nuclei against the true ones.

For one IoU threshold, COCO's evaluation goes through these steps:
1. In each image the predictions are sorted by falling score, and only the first 100 or 1000 (the cap) count.
2. Each prediction in turn takes the free true nucleus with which its mask has the highest IoU. If that IoU reaches the
   threshold, the prediction is right and the nucleus is taken; otherwise the prediction is wrong.
3. The predictions of all images are put in one list by falling score. After each of them, precision is the share of
   right predictions so far, and recall is the share of true nuclei found so far.
4. The precision at a recall threshold is the highest precision at that recall or a higher one, and 0 where no such
   recall is reached. AP is the mean of these precisions at the 101 recall thresholds 0, 0.01, … 1.
AP50 is AP at IoU 0.50, AP75 at IoU 0.75. AP without a number is the mean over the IoU thresholds 0.50, 0.55, … 0.95.

With several classes a prediction can take a nucleus of its own class alone, the cap counts for each class, and each
score is the mean over the classes that have true nuclei (pycocotools, cocoeval.py, summarize).

There are two families of scores, which must not be mixed. The report's "mAP" is AP50 with at most 100 detections per
image. The other scores carry their kind and their cap in their name, for example ap_1000.

The work is done by faster-coco-eval, which gives the same numbers as pycocotools (a test holds that).
Source: Lin et al., "Microsoft COCO: Common Objects in Context", 2014, section "Evaluation", and
cocodataset.org/#detection-eval; the steps are those of pycocotools, cocoeval.py, evaluateImg and accumulate.
"""

import copy
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from nuclei.coco.grouping import by_image
from nuclei.coco.types import Content, Result
from nuclei.scoring.names import CAPS
from nuclei.scoring.types import ClassScores, ImageScores, Scores

RECALL_THRESHOLDS = np.linspace(0.0, 1.0, 101)  # as in COCOeval


def ceiling(nuclei: Sequence[int], cap: int = 100) -> float | None:
    """Largest AP50 that any detector can reach with at most `cap` detections per image.

    nuclei: number of true nuclei of each image. If every detection is right, recall ends at
    sum(min(n, cap)) / sum(n). Precision is then 1 at each of the 101 recall thresholds up to that recall and 0 at the
    others, so AP50 is the share of thresholds that are reached (it follows from step 4 in the module's docstring).
    Returns a number from 0 to 1, or None where no image has a nucleus.

    >>> round(ceiling([294, 310, 800, 300, 356, 300]), 4)
    0.2574
    """
    total = sum(nuclei)
    if not total:
        return None
    recall = sum(min(count, cap) for count in nuclei) / total
    return float(np.count_nonzero(recall >= RECALL_THRESHOLDS) / 101)


def renumbered(content: Content, rows: Sequence[Result]) -> tuple[Content, list[Result]]:
    """Copies of a COCO ground truth and of COCO results in which only what AP depends on is as it was.

    faster-coco-eval keeps ids as floating-point numbers and 0 for "none", so that large and negative ones get mixed up;
    and it leaves out nuclei whose `area` is negative or very large, although the area range "all" is meant. So images
    are numbered from 1 in the order of their ids, by which ties of scores are broken, annotations from 1 in their own
    order, and each area is 1. Results have no boxes: where
    there are some, the library takes the areas from them. It writes into what it is given, hence copies.
    """
    numbers = {
        image["id"]: number for number, image in enumerate(sorted(content["images"], key=lambda row: row["id"]), 1)
    }
    images: list[Any] = [{**image, "id": numbers[image["id"]]} for image in content["images"]]
    annotations: list[Any] = [
        {
            "id": number,
            "image_id": numbers[row["image_id"]],
            "category_id": row["category_id"],
            "iscrowd": row.get("iscrowd", 0),
            "area": 1.0,
            "bbox": [0.0, 0.0, 1.0, 1.0],
            "segmentation": copy.deepcopy(row["segmentation"]),
        }
        for number, row in enumerate(content["annotations"], 1)
    ]
    results: list[Any] = [
        {
            "image_id": numbers[row["image_id"]],
            "category_id": row["category_id"],
            "score": row["score"],
            "segmentation": copy.deepcopy(row["segmentation"]),
        }
        for row in rows
    ]
    names = {row["id"]: row.get("name", "nucleus") for row in content["categories"]}
    categories: list[Any] = [{"id": number, "name": name} for number, name in (names or {1: "nucleus"}).items()]
    return {"images": images, "annotations": annotations, "categories": categories}, results


def class_scores(
    content: Content, rows: Sequence[Result], caps: Sequence[int] = CAPS
) -> dict[int, dict[str, float | None]]:
    """{category id: AP, AP50 and AP75 at each cap} of COCO results against a COCO ground truth.

    content: COCO JSON with images, annotations and categories. rows: COCO results with RLE masks, in any order.
    caps: how many detections per image and class count at most, in rising order.
    Of a class: {"ap_100": …, "ap50_100": …, …}, each from 0 to 1. Without true nuclei of it each is None; without any
    predictions each is 0.
    """
    names = [(kind, cap) for cap in caps for kind in ("ap", "ap50", "ap75")]
    known = {row["category_id"] for row in content["annotations"]}
    numbers = sorted(row["id"] for row in content["categories"]) or [1]
    if not known or not rows:
        return {k: {f"{kind}_{cap}": 0.0 if k in known else None for kind, cap in names} for k in numbers}
    content, rows = renumbered(content, rows)
    truth = COCO(cast(dict[str, Any], content))
    evaluation = COCOeval_faster(truth, truth.loadRes(cast(list[Any], rows)), iouType="segm")
    evaluation.params.maxDets = [1, *caps]
    evaluation.evaluate()
    evaluation.accumulate()
    # The array's axes are IoU, recall, category, area range, cap. Area range 0 is "all"; IoU 0 is 0.50, IoU 5 is 0.75;
    # cap 0 is the 1 detection that was put in front above.
    precisions = evaluation.eval["precision"][:, :, :, 0, 1:]
    found: dict[int, dict[str, float | None]] = {}
    for place, number in enumerate(numbers):
        precision, scores = precisions[:, :, place], dict[str, float | None]()
        for at, cap in enumerate(caps):
            scores[f"ap_{cap}"] = float(precision[..., at].mean())
            scores[f"ap50_{cap}"] = float(precision[0, :, at].mean())
            scores[f"ap75_{cap}"] = float(precision[5, :, at].mean())
        found[number] = scores if number in known else dict.fromkeys(scores)
    return found


def class_mean(values: Iterable[float | None]) -> float | None:
    """Mean of a score over the classes that have it, which are those with true nuclei; None without any."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def evaluate(content: Content, rows: Sequence[Result], caps: Sequence[int] = CAPS) -> dict[str, float | None]:
    """AP, AP50 and AP75 for each cap: the means over the classes. Arguments and keys as in class_scores()."""
    found = list(class_scores(content, rows, caps).values())
    return {name: class_mean(scores[name] for scores in found) for name in found[0]}


def class_counts(content: Content) -> dict[int, list[int]]:
    """{category id: how many true nuclei of it each image has}."""
    numbers = [row["id"] for row in content["categories"]] or [1]
    counts = Counter((row["category_id"], row["image_id"]) for row in content["annotations"])
    return {number: [counts[number, image["id"]] for image in content["images"]] for number in numbers}


def by_class(content: Content, rows: Sequence[Result]) -> list[ClassScores]:
    """The scores of each class, in the order of their ids; arguments as for score()."""
    found, counts = class_scores(content, rows), class_counts(content)
    predictions = Counter(row["category_id"] for row in rows)
    return [
        cast(
            ClassScores,
            {
                "category_id": row["id"],
                "name": row["name"],
                "nuclei": sum(counts[row["id"]]),
                "predictions": predictions[row["id"]],
                "ceiling_report": ceiling(counts[row["id"]]),
                **found[row["id"]],
            },
        )
        for row in content["categories"]
    ]


def score(content: Content, rows: Sequence[Result], per_image: bool = True) -> Scores:
    """All scores of COCO results against a COCO ground truth: the content of scores.json.

    content: COCO JSON with images, annotations and categories. rows: COCO results with RLE masks.
    per_image: whether to score each image alone, too.
    """
    scores = evaluate(content, rows)
    result: dict[str, Any] = {
        "scored": bool(content["annotations"]),
        "images": len(content["images"]),
        "nuclei": len(content["annotations"]),
        "predictions": len(rows),
        "ceiling_report": class_mean(map(ceiling, class_counts(content).values())),
        **scores,
        "map_report": scores["ap50_100"],
    }
    if len(content["categories"]) > 1:
        result["classes"] = by_class(content, rows)
    if per_image:
        result["per_image"] = image_scores(content, rows)
    return cast(Scores, result)


def image_scores(content: Content, rows: Sequence[Result]) -> list[ImageScores]:
    """The scores of each image taken alone, in the order of the image ids; arguments as for score()."""
    truth, found = by_image(content, content["annotations"]), by_image(content, rows)
    result: list[ImageScores] = []
    for image in sorted(content["images"], key=lambda image: image["id"]):
        own, nuclei = found[image["id"]], truth[image["id"]]
        alone: Content = {"images": [image], "annotations": nuclei, "categories": content["categories"]}
        scores = {
            "image_id": image["id"],
            "file_name": image["file_name"],
            "nuclei": len(nuclei),
            "predictions": len(own),
            "ceiling_report": class_mean(map(ceiling, class_counts(alone).values())),
            **evaluate(alone, own),
        }
        result.append(cast(ImageScores, scores))
    return result
