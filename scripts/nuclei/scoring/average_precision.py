"""Scores of predicted instances against true ones, by faster-coco-eval (equal to pycocotools, tested).

Two families that must not be mixed: the report's "mAP" is AP50 with at most 100 detections an image; the others say
their cap and IoU in their name: ap_1000 = AP over IoU 0.50:0.05:0.95 with at most 1000 detections an image.
Definitions: Lin et al., "Microsoft COCO: Common Objects in Context", 2014, and cocodataset.org/#detection-eval
(101 recall thresholds).
"""

import copy

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from nuclei.coco.grouping import by_image
from nuclei.scoring.names import CAPS

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
