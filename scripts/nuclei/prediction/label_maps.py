"""Label maps of other programs as predictions, so that this project's scorer can score them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from nuclei.coco.rle import encode_part
from nuclei.coco.types import Result
from nuclei.common.stage import InputError


def as_results(labels: NDArray[np.integer], scores: Sequence[float], image_id: int, file: str) -> list[Result]:
    """COCO results of a label map, in the order of the labels.

    labels: int, (height, width), 0 for background and 1, 2, … for each nucleus. scores: of label 1, 2, … in turn. All
    pixels of a label are one nucleus, also where they do not touch; a label without pixels, which others cover, is left
    out. file: where they come from, for the errors. bbox: [left, top, width, height], px along pixel edges.
    InputError: the map has another form, a label without score, or a score that is no finite number.
    """
    if labels.ndim != 2 or labels.dtype.kind not in "iu" or not labels.size:
        raise InputError(f"{file}: {labels.dtype} of shape {labels.shape} found, wanted one whole number per pixel")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > len(scores):
        raise InputError(f"{file}: labels {low} to {high} found, wanted 0 to {len(scores)}, the number of scores")
    if not np.isfinite(scores).all():
        raise InputError(f"{file}: a score that is no finite number found, wanted one of each nucleus")
    height, width = labels.shape
    found: list[Result] = []
    for label, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None:
            continue
        rows, columns = box
        part = labels[box] == label
        found.append(
            {
                "image_id": image_id,
                "category_id": 1,
                "bbox": [float(columns.start), float(rows.start), float(part.shape[1]), float(part.shape[0])],
                "score": float(scores[label - 1]),
                "segmentation": encode_part(part, columns.start, rows.start, (width, height)),
            }
        )
    return found
