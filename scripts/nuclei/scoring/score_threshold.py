"""The score from which detections count: chosen on validation images, never on the images that are scored.

Every metric but AP needs such a threshold, since it judges one segmentation, not a ranked list. The threshold is that
of largest PQ, pooled over the validation images (nuclei.scoring.instance_metrics); of several the highest.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nuclei.scoring.label_map import Overlap


def best_threshold(images: Iterable[tuple[NDArray[np.float64], Overlap]]) -> tuple[float, float] | None:
    """(score threshold, PQ with it) of largest PQ; None where there is no nucleus or no detection.

    images: of each image the scores of the detections of its label map, in the order of the labels, and how its label
    maps overlap. A detection counts where its score is the threshold or more.
    """
    scores, gains, nuclei = [np.zeros(0)], [np.zeros(0)], 0
    for own, pairs in images:
        matched = pairs.shared * 2 > pairs.union
        gain = np.zeros(len(own))  # IoU of a match, 0 without one: what a detection does not get from less sure ones
        gain[pairs.found[matched]] = pairs.shared[matched] / pairs.union[matched]
        scores.append(own)
        gains.append(gain)
        nuclei += len(pairs.true_area)
    everything, gain = np.concatenate(scores), np.concatenate(gains)
    if not nuclei or not len(everything):
        return None
    order = np.argsort(-everything, kind="stable")
    ranked = everything[order]
    quality = 2 * np.cumsum(gain[order]) / (np.arange(1, len(order) + 1) + nuclei)
    last = np.append(ranked[1:] != ranked[:-1], True)  # of detections with one score all count, or none
    at = np.flatnonzero(last)[np.argmax(quality[last])]
    return float(ranked[at]), float(quality[at])
