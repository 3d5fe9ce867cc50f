"""The nuclei and the detections of one image, compared once; every score and every named error follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nuclei.coco.matching import iou_matrix
from nuclei.coco.rle import as_rle
from nuclei.coco.types import RLE, Annotation, Image, Result, Segmentation
from nuclei.scoring.detections import ImageDetections, by_score, match_detections
from nuclei.scoring.label_map import Overlap, overlap, paint


@dataclass(frozen=True)
class Scene:
    """One image with its nuclei and detections, compared.

    truth, found: masks as RLE, found by falling score. order: place of each of `found` among the given detections.
    detections, iou: see nuclei.scoring.detections; masks as they were predicted, overlaps and all. labels: label map of
    the nuclei. true_numbers, found_numbers: of each label of the two label maps its place in `truth` or `found`. pairs:
    how the label maps overlap, with all detections.
    """

    truth: list[RLE]
    found: list[RLE]
    order: NDArray[np.int64]
    detections: ImageDetections
    iou: NDArray[np.float64]
    labels: NDArray[np.int64]
    true_numbers: NDArray[np.int64]
    found_numbers: NDArray[np.int64]
    pairs: Overlap

    def above(self, threshold: float) -> Overlap:
        """How the label maps overlap, with the detections whose score is the threshold or more."""
        return self.pairs.first(int((self.detections.scores[self.found_numbers] >= threshold).sum()))


def plain_rle(segmentation: Segmentation, height: int, width: int) -> RLE:
    """A segmentation of any form as an RLE with text, in an image of height x width px."""
    rle = as_rle(segmentation, height, width)
    counts = rle["counts"]
    return {"size": rle["size"], "counts": counts.decode() if isinstance(counts, bytes) else counts}


def look(image: Image, nuclei: Sequence[Annotation], results: Sequence[Result]) -> Scene:
    """Compare the nuclei and the detections of one image.

    Where nuclei overlap, which the raw data's check refuses unless told otherwise, a pixel of several belongs to the
    first of them in the label map, and a nucleus without a pixel of its own has no region there.
    """
    height, width = image["height"], image["width"]
    truth = [plain_rle(row["segmentation"], height, width) for row in nuclei]
    order = by_score([row["score"] for row in results])
    found = [results[at]["segmentation"] for at in order]
    scores = np.array([results[at]["score"] for at in order], float)
    iou = iou_matrix(truth, found)
    labels, true_numbers = paint(truth, height, width, least=0.0)
    painted, found_numbers = paint(found, height, width)
    pairs = overlap(labels, painted)
    matched = match_detections(iou, scores)
    return Scene(truth, found, order, matched, iou, labels, true_numbers, found_numbers, pairs)
