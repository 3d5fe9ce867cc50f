"""The scores of an epoch's detections, with images that count more or less than once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nuclei.scoring.curves import curve_scores
from nuclei.scoring.detections import BITS, ImageDetections
from nuclei.scoring.epoch_types import EpochImage
from nuclei.scoring.names import CAPS


def ap_scores(images: Sequence[ImageDetections], weights: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """AP, AP50 and AP75 at both caps of epochs.tsv, of weighted images: {name: float, (resamples,)}."""
    values: dict[str, NDArray[np.float64]] = {}
    for cap in CAPS:
        found = curve_scores(images, cap, weights)
        values |= {f"{kind}_{cap}": found[kind] for kind in ("ap", "ap50", "ap75")}
    return values


def detections_of(row: EpochImage) -> ImageDetections:
    """The detections of a row of epoch_scores.json; which nucleus each takes is not kept there."""
    right = (np.array(row["right"], int) & BITS[:, None]) > 0
    return ImageDetections(row["nuclei"], np.array(row["scores"], float), right, np.full(len(row["scores"]), -1))
