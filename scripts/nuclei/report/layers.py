"""What the page's viewer draws over a test image: the true nuclei, and the detections of a cell with what they are.

Columns instead of rows, since equal things then stand together and deflate well.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypedDict, cast

from nuclei.coco.matching import greedy_pairs, iou_matrix
from nuclei.coco.types import RLE, Annotation, Content, Result
from nuclei.common.stage import InputError, written_by
from nuclei.prediction.answers import CAP
from nuclei.report.contours import contour
from nuclei.scoring.error_file import ErrorRow, read_errors


class Truth(TypedDict):
    """The true nuclei of an image, in the order of the ground truth: ids of the annotations, outlines."""

    nucleus: list[int]
    contour: list[str]


class Layer(TypedDict):
    """The detections of a cell in an image, surest first, and what became of each true nucleus.

    detection: number of the row in predictions.json. score; iou: 0 to 1, with the nucleus of the same place in
    `nucleus`, an annotation's id or None. kind: of errors.csv; "" where the nuclei are not known. contour: outline.
    true_kind, true_detection, true_iou: the same of each nucleus, in the order of the ground truth.
    """

    detection: list[int]
    score: list[float]
    kind: list[str]
    nucleus: list[int | None]
    iou: list[float]
    contour: list[str]
    true_kind: list[str]
    true_detection: list[int | None]
    true_iou: list[float]


def truth_layer(nuclei: Iterable[Annotation]) -> Truth:
    """The layer of the true nuclei of an image, whose masks are RLEs, as convert_test.py writes them."""
    rows = list(nuclei)
    return {
        "nucleus": [row["id"] for row in rows],
        "contour": [contour(cast(RLE, row["segmentation"])) for row in rows],
    }


def named_layer(rows: Sequence[ErrorRow], predictions: Sequence[Result]) -> Layer:
    """The layer of an image by its rows of errors.csv. predictions: of the cell, in all images."""
    true = [row for row in rows if row["what"] == "nucleus"]
    found = [row for row in rows if row["what"] == "detection"]
    places = [cast(int, row["detection"]) for row in found]
    return {
        "detection": places,
        "score": [round(cast(float, row["score"]), 4) for row in found],
        "kind": [row["kind"] for row in found],
        "nucleus": [row["nucleus"] for row in found],
        "iou": [round(row["iou"], 3) for row in found],
        "contour": [contour(predictions[place]["segmentation"]) for place in places],
        "true_kind": [row["kind"] for row in true],
        "true_detection": [row["detection"] for row in true],
        "true_iou": [round(row["iou"], 3) for row in true],
    }


def matched_layer(nuclei: Sequence[Annotation], found: Sequence[tuple[int, Result]], scored: bool) -> Layer:
    """The layer of an image whose errors have no names: only which of the surest CAP detections match a nucleus.

    found: (number of the row, row) of the detections in the image. scored: whether the nuclei are known.
    """
    best = sorted(found, key=lambda item: -item[1]["score"])[:CAP]
    masks = [row["segmentation"] for _, row in best]
    iou = iou_matrix([cast(RLE, row["segmentation"]) for row in nuclei], masks)
    pairs = dict(greedy_pairs(iou))  # {nucleus: detection}, by their places
    taken = {detection: nucleus for nucleus, detection in pairs.items()}
    places = range(len(best))
    return {
        "detection": [at for at, _ in best],
        "score": [round(row["score"], 4) for _, row in best],
        "kind": ["matched" if at in taken else "false" if scored else "" for at in places],
        "nucleus": [nuclei[taken[at]]["id"] if at in taken else None for at in places],
        "iou": [round(float(iou[:, at].max()), 3) if len(nuclei) else 0.0 for at in places],
        "contour": [contour(mask) for mask in masks],
        "true_kind": ["matched" if at in pairs else "missed" for at in range(len(nuclei))],
        "true_detection": [best[pairs[at]][0] if at in pairs else None for at in range(len(nuclei))],
        "true_iou": [round(float(iou[at].max()), 3) if len(best) else 0.0 for at in range(len(nuclei))],
    }


def cell_layers(content: Content, predictions: Sequence[Result], errors: Path | str | None) -> dict[int, Layer]:
    """{image id: layer} of a cell. content: ground truth of the test images. errors: its errors.csv, or None.

    With errors.csv the layers hold the detections from the score threshold on; without it, or where it has no row since
    no nuclei are known, the surest CAP of each image.
    """
    rows = read_errors(errors) if errors else []
    if errors and not rows and content["annotations"]:
        raise InputError(f"{errors}: no rows found, wanted one for each nucleus at least; run score_instances.py again")
    if errors and rows:
        with written_by("score_instances.py", errors):
            named: dict[int, list[ErrorRow]] = {image["id"]: [] for image in content["images"]}
            for row in rows:
                named[row["image_id"]].append(row)
            return {number: named_layer(own, predictions) for number, own in named.items()}
    layers = {}
    for image in content["images"]:
        nuclei = [row for row in content["annotations"] if row["image_id"] == image["id"]]
        found = [(at, row) for at, row in enumerate(predictions) if row["image_id"] == image["id"]]
        layers[image["id"]] = matched_layer(nuclei, found, bool(content["annotations"]))
    return layers
