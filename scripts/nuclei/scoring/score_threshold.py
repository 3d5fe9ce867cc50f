"""The score from which detections count: chosen on validation images, never on the images that are scored.

Every metric but AP needs such a threshold, since it judges one segmentation, not a ranked list. The threshold is that
of largest PQ (nuclei.scoring.instance_metrics) as the mean over the validation images; of several the highest. With PQ
of all images as one, an image with four times the nuclei of another would count four times as much in the choice.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nuclei.scoring.label_map import Overlap


def best_threshold(images: Iterable[tuple[NDArray[np.float64], Overlap]]) -> tuple[float, float] | None:
    """(score threshold, mean PQ with it) of largest mean PQ; None where there is no nucleus or no detection.

    images: of each image the scores of the detections of its label map, in the order of the labels, and how its label
    maps overlap. A detection counts where its score is the threshold or more. An image without nuclei has no PQ without
    a detection and a PQ of 0 with one.
    """
    scores, steps, first, with_nuclei = [np.zeros(0)], [np.zeros(0)], [np.zeros(0)], 0
    for own, pairs in images:
        matched = pairs.shared * 2 > pairs.union
        gain = np.zeros(len(own))  # IoU of a match, 0 without one: what a detection does not get from less sure ones
        gain[pairs.found[matched]] = pairs.shared[matched] / pairs.union[matched]
        order, nuclei = np.argsort(-own, kind="stable"), len(pairs.true_area)
        quality = 2 * np.cumsum(gain[order]) / (np.arange(1, len(own) + 1) + nuclei)
        scores.append(own[order])
        steps.append(np.diff(quality, prepend=0.0))  # what each further detection adds to the image's PQ
        first.append(np.where(np.arange(len(own)) == 0, float(not nuclei), 0.0))
        with_nuclei += nuclei > 0
    everything = np.concatenate(scores)
    if not with_nuclei or not len(everything):
        return None
    order = np.argsort(-everything, kind="stable")
    ranked = everything[order]
    counted = with_nuclei + np.cumsum(np.concatenate(first)[order])  # images that have a PQ
    quality = np.round(np.cumsum(np.concatenate(steps)[order]) / counted, 12)  # so that sums of steps can be equal
    last = np.append(ranked[1:] != ranked[:-1], True)  # of detections with one score all count, or none
    at = np.flatnonzero(last)[np.argmax(quality[last])]
    return float(ranked[at]), float(quality[at])
