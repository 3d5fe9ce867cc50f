"""All scores of one segmentation of several images: the contents of the files that score_instances writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from nuclei.coco.grouping import by_image
from nuclei.coco.types import Content, Image, Result
from nuclei.scoring.calibration import Calibration, calibration
from nuclei.scoring.error_file import ErrorRow, count_errors
from nuclei.scoring.error_rows import error_rows
from nuclei.scoring.error_shares import ErrorShares, error_shares, rescuers, wrong_kinds
from nuclei.scoring.image_statistics import NAMES, ImageStatistics, Values, mean, of_each, pooled
from nuclei.scoring.instance_metrics import detection_sums, map_sums
from nuclei.scoring.scene import Scene, look
from nuclei.scoring.score_threshold import best_threshold
from nuclei.scoring.staircase import Staircase, staircase


class Threshold(TypedDict):
    """The score from which detections count, for every metric but AP, AR, calibration and error shares.

    value: None where all detections count. chosen_on: the images it was chosen on, in words. pq: PQ with this
    threshold, as the mean over them; None where nothing was chosen.
    """

    value: float | None
    chosen_on: str
    pq: float | None


class Measured(TypedDict):
    """A score of several images: of all as one, and as the mean over the images that have one; None without any."""

    pooled: float | None
    mean: float | None


class InstanceScores(TypedDict):
    """Content of instance_scores.json; docs/files.md explains every key."""

    scored: bool
    images: int
    nuclei: int
    predictions: int
    threshold: Threshold
    scores: dict[str, Measured]
    staircase: Staircase | None
    calibration: Calibration
    error_shares: ErrorShares | None
    errors: dict[str, dict[str, dict[str, int]]]
    organs: dict[str, dict[str, Any]]
    per_image: list[dict[str, Any]]
    classes: NotRequired[list[str]]  # where there are several, which all count as one here


@dataclass(frozen=True)
class Measurement:
    """What score_instances finds: scores, the statistics that they are computed from, every nucleus and detection."""

    scores: InstanceScores
    statistics: list[ImageStatistics]
    errors: list[ErrorRow]


def choose_threshold(truth: Content, results: Sequence[Result], chosen_on: str) -> Threshold:
    """The score threshold of largest PQ on these images (validation images; see nuclei.scoring.score_threshold)."""
    found, nuclei = by_image(truth, results), by_image(truth, truth["annotations"])
    scenes = (look(image, nuclei[image["id"]], found[image["id"]]) for image in truth["images"])
    best = best_threshold((scene.detections.scores[scene.found_numbers], scene.pairs) for scene in scenes)
    if best is None:
        return {"value": None, "chosen_on": f"{chosen_on}: no nucleus or no detection, so that all count", "pq": None}
    return {"value": best[0], "chosen_on": chosen_on, "pq": best[1]}


def statistics(image: Image, organ: str, scene: Scene, threshold: float) -> ImageStatistics:
    """What the scores of an image are computed from, with the detections from the score threshold on."""
    pairs = scene.above(threshold)
    matched = pairs.shared * 2 > pairs.union
    right, iou, dice = np.zeros((3, len(scene.truth)))
    taken = scene.detections.taken[scene.detections.scores >= threshold]
    right[taken[taken >= 0]] = 1
    places = scene.true_numbers[pairs.true[matched]]
    iou[places] = pairs.shared[matched] / pairs.union[matched]
    area = pairs.true_area[pairs.true] + pairs.found_area[pairs.found]
    dice[places] = 2 * pairs.shared[matched] / area[matched]
    sums = {**map_sums(pairs), **detection_sums(scene.detections, threshold)}
    return ImageStatistics(image["id"], image["file_name"], organ, scene.detections, sums, right, iou, dice)


def number(value: float) -> float | None:
    """A value for JSON: None in place of NaN."""
    return None if np.isnan(value) else float(value)


def measured(images: Sequence[ImageStatistics], each: Values) -> dict[str, Measured]:
    """{name: pooled value and mean} of images; each: of of_each()."""
    ones = np.ones((1, len(images)), int)
    together, average = pooled(images, ones), mean(each, ones)
    return {name: {"pooled": number(together[name][0]), "mean": number(average[name][0])} for name in NAMES}


def by_organ(images: Sequence[ImageStatistics], each: Values) -> dict[str, dict[str, Any]]:
    """{organ: counts and scores of its images}; images of unknown organ are left out."""
    result: dict[str, dict[str, Any]] = {}
    for organ in sorted({image.organ for image in images} - {""}):
        at = [place for place, image in enumerate(images) if image.organ == organ]
        own = [images[place] for place in at]
        result[organ] = {
            "images": len(own),
            "nuclei": sum(image.detections.nuclei for image in own),
            "scores": measured(own, {name: values[at] for name, values in each.items()}),
            "staircase": staircase([image.detections for image in own]),
        }
    return result


def not_scored(truth: Content, results: Sequence[Result]) -> dict[str, Any]:
    """Content of instance_scores.json where the nuclei of the images are not known."""
    return {"scored": False, "images": len(truth["images"]), "nuclei": 0, "predictions": len(results)}


def measure(truth: Content, results: Sequence[Result], threshold: Threshold, organs: Mapping[str, str]) -> Measurement:
    """All scores of COCO results against a COCO ground truth with nuclei, whose classes all count as one.

    organs: {image id: organ}; an image's id is the name of its file without ending.
    """
    least = -np.inf if threshold["value"] is None else threshold["value"]
    nuclei, found = by_image(truth, truth["annotations"]), by_image(truth, results)
    numbers: dict[int, list[int]] = {image["id"]: [] for image in truth["images"]}
    for at, result in enumerate(results):
        numbers[result["image_id"]].append(at)
    images: list[ImageStatistics] = []
    errors: list[ErrorRow] = []
    kinds: list[NDArray[np.str_]] = []
    saved: list[NDArray[np.bool_]] = []
    for image in sorted(truth["images"], key=lambda row: row["id"]):
        scene = look(image, nuclei[image["id"]], found[image["id"]])
        organ = organs.get(Path(image["file_name"]).stem, "")
        images.append(statistics(image, organ, scene, least))
        errors += error_rows(image, nuclei[image["id"]], numbers[image["id"]], scene, least)
        kind, target = wrong_kinds(scene.detections, scene.iou)
        kinds.append(kind)
        saved.append(rescuers(scene.detections, target))
    each = of_each(images)
    detections = [image.detections for image in images]
    scores: InstanceScores = {
        "scored": True,
        "images": len(images),
        "nuclei": sum(image.nuclei for image in detections),
        "predictions": len(results),
        "threshold": threshold,
        "scores": measured(images, each),
        "staircase": staircase(detections),
        "calibration": calibration(detections),
        "error_shares": error_shares(detections, kinds, saved),
        "errors": count_errors(errors),
        "organs": by_organ(images, each),
        "per_image": [
            {
                "image_id": image.image_id,
                "file_name": image.file_name,
                "organ": image.organ or None,
                "nuclei": image.detections.nuclei,
                "predictions": len(image.detections.scores),
                "scores": {name: number(each[name][at]) for name in NAMES},
                "staircase": staircase([image.detections]),
            }
            for at, image in enumerate(images)
        ],
    }
    if len(truth["categories"]) > 1:
        scores["classes"] = [row["name"] for row in truth["categories"]]
    return Measurement(scores, images, errors)
