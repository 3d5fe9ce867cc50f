"""The rows of errors.csv: every nucleus and every detection of the scored images, with what it is."""

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as coco_mask

from nuclei.coco.types import Annotation, Image
from nuclei.scoring.error_file import ErrorRow
from nuclei.scoring.error_list import at_border, centres, name_errors, touching
from nuclei.scoring.scene import Scene


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
