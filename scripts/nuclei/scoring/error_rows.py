"""The rows of errors.csv: every nucleus and every detection of the scored images, with what it is."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict, cast

import numpy as np
from pycocotools import mask as coco_mask

from nuclei.coco.types import Annotation, Image
from nuclei.common.stage import InputError
from nuclei.scoring.error_kinds import DETECTION_KINDS, LARGE, NUCLEUS_KINDS, SMALL
from nuclei.scoring.error_list import at_border, centres, name_errors, touching
from nuclei.scoring.scene import Scene


class ErrorRow(TypedDict):
    """A nucleus or a detection, and what it is (nuclei.scoring.error_list).

    what: nucleus or detection. nucleus: id of its annotation, detection: number of its row in the predictions, from 0
    on; each None where there is none. iou: of the two. score: of the detection. x, y: centre of its box, px. area: px.
    border: whether it reaches the border of the image. crowded: whether a nucleus touches another one; None for a
    detection.
    """

    image_id: int
    file_name: str
    what: str
    kind: str
    nucleus: int | None
    detection: int | None
    iou: float
    score: float | None
    x: float
    y: float
    area: int
    border: bool
    crowded: bool | None


def error_rows(
    image: Image, nuclei: Sequence[Annotation], numbers: Sequence[int], scene: Scene, threshold: float
) -> list[ErrorRow]:
    """Rows of one image: its nuclei in the order of the ground truth, then its detections by falling score.

    numbers: of each detection, in the order in which `scene` was given them, its row number in the predictions.
    threshold: score from which detections count.
    """
    scores = scene.detections.scores
    kept = int((scores >= threshold).sum())
    found = scene.found[:kept]
    # one by one: pycocotools 2.0.11 fails on lists of more than 255 masks with numpy 2
    true_area, found_area = (np.array([coco_mask.area(mask) for mask in masks], int) for masks in (scene.truth, found))
    named = name_errors(scene.iou[:, :kept], scene.detections.taken[:kept], true_area, found_area)
    rows = [numbers[at] for at in scene.order]
    touches = np.zeros(len(nuclei), bool)
    touches[scene.true_numbers] = touching(scene.labels, len(scene.true_numbers))
    common = {"image_id": image["id"], "file_name": image["file_name"]}
    height, width = image["height"], image["width"]
    result: list[ErrorRow] = []
    edge, middle = at_border(scene.truth, height, width), centres(scene.truth)
    for at, nucleus in enumerate(nuclei):
        partner = int(named.partner[at])
        result.append(
            {
                **common,  # type: ignore[typeddict-item]
                "what": "nucleus",
                "kind": str(named.nuclei[at]),
                "nucleus": nucleus["id"],
                "detection": rows[partner] if partner >= 0 else None,
                "iou": float(named.iou[at]),
                "score": float(scores[partner]) if partner >= 0 else None,
                "x": float(middle[at, 0]),
                "y": float(middle[at, 1]),
                "area": int(true_area[at]),
                "border": bool(edge[at]),
                "crowded": bool(touches[at]),
            }
        )
    edge, middle = at_border(found, height, width), centres(found)
    for at in range(kept):
        partner = int(named.found_partner[at])
        result.append(
            {
                **common,  # type: ignore[typeddict-item]
                "what": "detection",
                "kind": str(named.detections[at]),
                "nucleus": nuclei[partner]["id"] if partner >= 0 else None,
                "detection": rows[at],
                "iou": float(named.found_iou[at]),
                "score": float(scores[at]),
                "x": float(middle[at, 0]),
                "y": float(middle[at, 1]),
                "area": int(found_area[at]),
                "border": bool(edge[at]),
                "crowded": None,
            }
        )
    return result


def size_of(area: int) -> str:
    """Name of a nucleus's size: small, medium or large."""
    return "small" if area < SMALL else "medium" if area < LARGE else "large"


def count_errors(rows: Sequence[ErrorRow]) -> dict[str, dict[str, dict[str, int]]]:
    """{what: {group: {kind: how many}}} of rows: of nuclei and detections, all and by size, border and crowding.

    Groups: all; small, medium, large (of the area); border, inside; and of nuclei crowded, alone.
    """
    counts: dict[str, dict[str, Counter[str]]] = {"nucleus": {}, "detection": {}}
    for row in rows:
        groups = ["all", size_of(row["area"]), "border" if row["border"] else "inside"]
        if row["crowded"] is not None:
            groups.append("crowded" if row["crowded"] else "alone")
        for group in groups:
            counts[row["what"]].setdefault(group, Counter())[row["kind"]] += 1
    kinds = {"nucleus": NUCLEUS_KINDS, "detection": DETECTION_KINDS}
    return {
        what: {group: {kind: found[kind] for kind in kinds[what]} for group, found in groups.items()}
        for what, groups in counts.items()
    }


def as_csv(rows: Sequence[ErrorRow]) -> str:
    """Text of errors.csv: the keys of ErrorRow as columns, nothing for None."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(ErrorRow.__annotations__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read_errors(path: Path | str) -> list[ErrorRow]:
    """The rows of an errors.csv. InputError where it is no such file."""
    kinds: dict[str, Callable[[str], object]] = {"image_id": int, "nucleus": int, "detection": int, "area": int}
    kinds |= dict.fromkeys(("iou", "score", "x", "y"), float)
    kinds |= dict.fromkeys(("border", "crowded"), lambda text: {"True": True, "False": False}[text])
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [
                {key: kinds.get(key, str)(row[key]) if row[key] else None for key in ErrorRow.__annotations__}
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path}: cannot be read ({error!r:.60}), wanted what score_instances.py writes") from None
    return cast("list[ErrorRow]", rows)
