"""AJI, AJI+, PQ, Dice and the Data Science Bowl's score: equal to their definitions over sets of pixels."""

import numpy as np
import pytest
from support.brute_scores import aji, aji_plus, bowl, iou, matches, near, pq_parts, random_labels, regions, relabelled

from nuclei.scoring.detections import ImageDetections
from nuclei.scoring.instance_metrics import METRICS, detection_sums, map_sums
from nuclei.scoring.label_map import overlap


def values(*images):
    """{metric: value} of the sums of images."""
    total = {name: np.array([sum(image.get(name, 0) for image in images)], float) for name in images[0]}
    return {name: metric(total)[0] for name, metric in METRICS.items() if name not in ("f1", "precision", "recall")}


@pytest.mark.parametrize("block", range(10))
def test_equal_to_the_definitions(block):
    random = np.random.default_rng(block)
    for _ in range(200):
        truth = relabelled(random_labels(random))
        found = near(random, truth) if random.random() < 0.7 else relabelled(random_labels(random))
        a, b = regions(truth), regions(found)
        sums = map_sums(overlap(truth, found))
        assert (sums["aji_shared"], sums["aji_union"]) == aji(a, b)
        assert (sums["plus_shared"], sums["plus_union"]) in aji_plus(a, b)
        total, right, false, missed = pq_parts(a, b)
        assert (sums["matched"], sums["found"] - sums["matched"], sums["true"] - sums["matched"]) == (
            right,
            false,
            missed,
        )
        assert sums["iou"] == pytest.approx(float(total), abs=1e-12)
        pairs = matches(a, b, 0.5)
        assert sums["dice"] == pytest.approx(sum(2 * len(x & y) / (len(x) + len(y)) for x, y in pairs), abs=1e-12)
        found_values, wanted = values(sums), bowl(a, b)
        if wanted is None:
            assert np.isnan(found_values["bowl"])
        else:
            assert found_values["bowl"] == pytest.approx(float(wanted), abs=1e-12)
        if right:
            assert found_values["sq"] == pytest.approx(float(total / right), abs=1e-12)
            assert found_values["pq"] == pytest.approx(found_values["sq"] * found_values["dq"], abs=1e-12)
        pixels = 2 * np.count_nonzero((truth > 0) & (found > 0))
        both = np.count_nonzero(truth) + np.count_nonzero(found)
        if both:
            assert found_values["dice_pixels"] == pytest.approx(pixels / both, abs=1e-12)


def boxes(*sides):
    """Label map of 20 x 20 px with one box for each (left, top, right, bottom)."""
    labels = np.zeros((20, 20), int)
    for number, (left, top, right, bottom) in enumerate(sides, 1):
        labels[top:bottom, left:right] = number
    return labels


def test_known_answers():
    """Two nuclei of 50 px; one detection covers both and 20 px more: AJI lets it serve twice, AJI+ once."""
    truth, found = boxes((0, 0, 10, 5), (0, 5, 10, 10)), boxes((0, 0, 12, 10))
    sums = map_sums(overlap(truth, found))
    assert (sums["aji_shared"], sums["aji_union"]) == (100, 240)
    assert (sums["plus_shared"], sums["plus_union"]) == (50, 170)
    assert sums["matched"] == 0
    assert values(sums)["dice_pixels"] == 200 / 220


def test_an_iou_of_one_half_is_no_match_in_label_maps_and_one_in_cocos():
    truth, found = boxes((0, 0, 10, 10)), boxes((0, 0, 10, 5))
    assert map_sums(overlap(truth, found))["matched"] == 0
    assert iou(regions(truth)[1], regions(found)[1]) == 0.5
    image = ImageDetections(1, np.array([0.9]), np.array([[True]] + [[False]] * 9), np.array([0]))
    assert detection_sums(image, 0.9) == {"nuclei": 1, "kept": 1, "right": 1}


def test_thresholds_are_compared_exactly():
    """An IoU of exactly 0.55, 0.60, … is above all thresholds before it and not above its own."""
    for twentieths in range(11, 20):
        truth, found = boxes((0, 0, 20, 1)), boxes((0, 0, twentieths, 1))
        sums = map_sums(overlap(truth, found))
        passed = [at for at in range(10, 20) if sums[f"matched_{5 * at}"]]
        assert passed == list(range(10, twentieths))


def test_perfect_and_empty():
    truth = boxes((0, 0, 3, 3), (5, 5, 9, 9))
    perfect = values(map_sums(overlap(truth, truth)))
    assert set(perfect.values()) == {1.0}
    nothing = values(map_sums(overlap(truth, np.zeros_like(truth))))
    assert {name for name, value in nothing.items() if np.isnan(value)} == {"sq", "dice_matched"}
    assert {value for value in nothing.values() if not np.isnan(value)} == {0.0}
    alone = values(map_sums(overlap(np.zeros_like(truth), truth)))
    assert alone["aji"] == alone["aji_plus"] == alone["pq"] == alone["bowl"] == 0


def test_pooled_is_the_quotient_of_sums():
    random = np.random.default_rng(7)
    truths = [relabelled(random_labels(random)) for _ in range(3)]
    images = [(truth, near(random, truth)) for truth in truths]
    sums = [map_sums(overlap(*image)) for image in images]
    parts = [aji(*map(regions, image)) for image in images]
    assert values(*sums)["aji"] == sum(part[0] for part in parts) / sum(part[1] for part in parts)


@pytest.mark.parametrize("seed", range(20))
def test_f1_precision_and_recall_by_counting(seed):
    """Of several images as one, with the detections from a score on."""
    random = np.random.default_rng(seed)
    images, right, false, missed = [], 0, 0, 0
    for _ in range(3):
        count = int(random.integers(1, 9))
        scores = np.sort(random.integers(0, 5, count) / 4)[::-1]
        hits = random.random(count) < 0.6
        nuclei = int(hits.sum() + random.integers(0, 4))
        images.append(detection_sums(ImageDetections(nuclei, scores, np.array([hits] * 10), np.zeros(count)), 0.5))
        found = sum(hit for hit, score in zip(hits, scores, strict=True) if score >= 0.5)
        right += found
        false += sum(score >= 0.5 for score in scores) - found
        missed += nuclei - found
    total = {name: np.array([sum(image[name] for image in images)], float) for name in images[0]}
    got = {name: METRICS[name](total)[0] for name in ("f1", "precision", "recall")}
    wanted = {"f1": (2 * right, 2 * right + false + missed), "precision": (right, right + false)}
    wanted["recall"] = (right, right + missed)
    for name, (above, below) in wanted.items():
        assert got[name] == pytest.approx(above / below) if below else np.isnan(got[name])
