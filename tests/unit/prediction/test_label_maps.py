"""label_maps.py: every label is one result with its own pixels and score; what fits no label map is refused."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from nuclei.common.stage import InputError
from nuclei.prediction.label_maps import as_results


@pytest.mark.parametrize("seed", range(5))
def test_results_are_the_pixels_of_the_labels_and_their_scores(seed):
    random = np.random.default_rng(seed)
    labels = np.zeros((40, 61), np.int32)
    for label in (1, 2, 4, 5, 7):  # 3 and 6 have no pixels; the squares cover and divide each other
        y, x = random.integers(0, 35), random.integers(0, 55)
        labels[y : y + random.integers(1, 15), x : x + random.integers(1, 15)] = label
    scores = random.random(8)
    results = as_results(labels, scores, 17, "map")
    there = [label for label in range(1, 9) if (labels == label).any()]
    assert [row["score"] for row in results] == [scores[label - 1] for label in there]
    for label, row in zip(there, results, strict=True):
        assert (coco_mask.decode(row["segmentation"]).astype(bool) == (labels == label)).all()
        assert row["bbox"] == coco_mask.toBbox(row["segmentation"]).tolist()
        assert (row["image_id"], row["category_id"]) == (17, 1)


def test_no_label_is_no_result():
    assert as_results(np.zeros((3, 4), int), [], 1, "map") == []


@pytest.mark.parametrize(
    ("labels", "scores", "said"),
    [
        ([[0, 2]], [0.5], "map: labels 0 to 2 found, wanted 0 to 1, the number of scores"),
        ([[-1, 1]], [0.5], "map: labels -1 to 1 found"),
        ([[0.0, 1.0]], [0.5], r"map: float64 of shape \(1, 2\) found, wanted one whole number per pixel"),
        ([0, 1], [0.5], r"map: int64 of shape \(2,\) found"),
        ([[0, 1]], [np.nan], "map: a score that is no finite number found"),
    ],
)
def test_what_is_no_label_map_is_refused(labels, scores, said):
    with pytest.raises(InputError, match=said):
        as_results(np.array(labels), scores, 1, "map")
