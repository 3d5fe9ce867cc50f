"""Label maps: the rule pixel by pixel; one painting for every threshold; the threshold by trying all."""

import numpy as np
import pytest
from support.score_cases import SIDE, disk, encode, random_case

from nuclei.coco.grouping import by_image
from nuclei.scoring.instance_metrics import map_sums
from nuclei.scoring.label_map import overlap, paint
from nuclei.scoring.scene import look
from nuclei.scoring.score_threshold import best_threshold


def painted(masks, least=0.5):
    """The rule of label_map.py, mask by mask over whole images: (label map, places of the masks that have a label)."""
    labels, places = np.zeros(masks[0].shape, int), []
    for place, mask in enumerate(masks):
        free = mask & (labels == 0)
        if mask.any() and free.any() and free.sum() >= least * mask.sum():
            places.append(place)
            labels[free] = len(places)
    return labels, places


@pytest.mark.parametrize("seed", range(60))
def test_the_rule(seed):
    random = np.random.default_rng(seed)
    masks = [disk(random, random.uniform(8, 20, 2)) for _ in range(random.integers(1, 12))]
    masks.insert(1, np.zeros((SIDE, SIDE), bool))
    for least in (0.0, 0.5, 1.0):
        labels, places = paint([encode(mask) for mask in masks], SIDE, SIDE, least)
        wanted, wanted_places = painted(masks, least)
        assert (labels == wanted).all()
        assert places.tolist() == wanted_places


def test_half_of_the_pixels_are_enough():
    masks = np.zeros((3, SIDE, SIDE), bool)
    masks[0, 0:4, 0:4] = masks[1, 2:6, 0:4] = masks[2, 1:5, 0:4] = True
    labels, places = paint([encode(mask) for mask in masks], SIDE, SIDE)
    assert places.tolist() == [0, 1]
    assert [int((labels == label).sum()) for label in (1, 2)] == [16, 8]


@pytest.mark.parametrize("seed", range(25))
def test_one_painting_serves_every_threshold(seed):
    content, rows = random_case(seed)
    nuclei, found = by_image(content, content["annotations"]), by_image(content, rows)
    for image in content["images"]:
        scene = look(image, nuclei[image["id"]], found[image["id"]])
        for threshold in {row["score"] for row in found[image["id"]]}:
            kept = [row for row in found[image["id"]] if row["score"] >= threshold]
            alone = look(image, nuclei[image["id"]], kept)
            assert map_sums(scene.above(threshold)) == map_sums(alone.pairs)


@pytest.mark.parametrize("seed", range(25))
def test_the_threshold_of_largest_mean_pq(seed):
    content, rows = random_case(seed)
    if not content["annotations"] or not rows:
        pytest.skip("a case without nuclei or predictions")
    nuclei, found = by_image(content, content["annotations"]), by_image(content, rows)
    scenes = [look(image, nuclei[image["id"]], found[image["id"]]) for image in content["images"]]
    best = best_threshold([(scene.detections.scores[scene.found_numbers], scene.pairs) for scene in scenes])
    qualities = {}
    for threshold in {row["score"] for row in rows}:
        sums = [map_sums(scene.above(threshold)) for scene in scenes]
        known = [one for one in sums if one["true"] + one["found"]]  # an image without both has no PQ
        qualities[threshold] = np.mean([2 * one["iou"] / (one["true"] + one["found"]) for one in known])
    assert best[1] == pytest.approx(max(qualities.values()), abs=1e-12)
    assert qualities[best[0]] == pytest.approx(best[1], abs=1e-12)
    assert best[0] == max(score for score, quality in qualities.items() if quality > best[1] - 1e-11)


def test_no_threshold_without_nuclei_or_detections():
    none = overlap(np.zeros((4, 4), int), np.zeros((4, 4), int))
    assert best_threshold([(np.zeros(0), none)]) is None
    assert best_threshold([]) is None


@pytest.mark.parametrize("seed", range(20))
def test_overlap_counts_pixels(seed):
    random = np.random.default_rng(seed)
    one, other = (painted([disk(random) for _ in range(5)], 0.0)[0] for _ in range(2))
    found = overlap(one, other)
    pairs = {(a + 1, b + 1): n for a, b, n in zip(found.true, found.found, found.shared, strict=True)}
    for a in range(1, one.max() + 1):
        for b in range(1, other.max() + 1):
            assert pairs.get((a, b), 0) == np.count_nonzero((one == a) & (other == b))
    assert found.true_area.tolist() == [np.count_nonzero(one == a) for a in range(1, one.max() + 1)]
