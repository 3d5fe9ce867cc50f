"""Test scores of several epochs of one training, beside its validation scores: the content of epoch_scores.json."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nuclei.coco.grouping import by_image
from nuclei.coco.matching import iou_matrix
from nuclei.coco.types import Content, Result
from nuclei.scoring.detections import BITS, ImageDetections, by_score, match_detections
from nuclei.scoring.epoch_curves import ap_scores
from nuclei.scoring.epoch_types import EpochImage, EpochScores
from nuclei.scoring.scene import plain_rle


def epoch_images(truth: Content, results: Sequence[Result]) -> list[tuple[int, ImageDetections]]:
    """(image id, its detections, matched) of every image, by image id."""
    nuclei, found = by_image(truth, truth["annotations"]), by_image(truth, results)
    images = []
    for image in sorted(truth["images"], key=lambda row: row["id"]):
        own = found[image["id"]]
        order = by_score([row["score"] for row in own])
        masks = [plain_rle(row["segmentation"], image["height"], image["width"]) for row in nuclei[image["id"]]]
        iou = iou_matrix(masks, [own[at]["segmentation"] for at in order])
        images.append((image["id"], match_detections(iou, np.array([own[at]["score"] for at in order], float))))
    return images


def score_epoch(truth: Content, epoch: int, results: Sequence[Result], validation: Mapping[str, Any]) -> EpochScores:
    """The scores of one epoch. truth: with nuclei. validation: a row of epochs.tsv."""
    images = epoch_images(truth, results)
    test = ap_scores([own for _, own in images], np.ones((1, len(images)), int))
    rows: list[EpochImage] = [
        {
            "image_id": number,
            "nuclei": own.nuclei,
            "scores": own.scores.tolist(),
            "right": (BITS @ own.right).tolist(),
        }
        for number, own in images
    ]
    return {
        "epoch": epoch,
        "validation": {name: validation.get(name) for name in test},
        "test": {name: float(value[0]) for name, value in test.items()},
        "images": rows,
    }
