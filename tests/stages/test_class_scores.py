"""Scores of several classes: each class and their mean equal to pycocotools; one class alone as ever."""

import numpy as np
import pytest
from bench.scoring import by_pycocotools
from support.score_cases import random_case

from nuclei.scoring.average_precision import ceiling, score
from nuclei.scoring.names import NAMES

CLASSES = [{"id": 1, "name": "round"}, {"id": 2, "name": "long"}, {"id": 3, "name": "never"}]


def with_classes(seed, share):
    """A random case of which a share of nuclei and predictions is of class 2, and some predictions of class 3."""
    content, rows = random_case(seed)
    random = np.random.default_rng(seed)
    for row in content["annotations"]:
        row["category_id"] = 1 + int(random.random() < share)
    for row in rows:
        row["category_id"] = int(random.choice([1, 2, 3], p=[0.5, 0.4, 0.1]))
    return {**content, "categories": CLASSES}, rows


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("share", [0.5, 1])
def test_each_class_and_their_mean_equal_pycocotools(seed, share):
    content, rows = with_classes(seed, share)
    if not content["annotations"] or not rows:
        pytest.skip("a case without nuclei or predictions")
    found, wanted = score(content, rows), by_pycocotools(content, rows)
    assert {name: found[name] for name in NAMES} == pytest.approx(wanted, abs=1e-12)
    assert [row["name"] for row in found["classes"]] == ["round", "long", "never"]
    for one in found["classes"]:
        number = one["category_id"]
        own = [row for row in content["annotations"] if row["category_id"] == number]
        seen = [row for row in rows if row["category_id"] == number]
        assert (one["nuclei"], one["predictions"]) == (len(own), len(seen))
        alone = {**content, "annotations": own, "categories": CLASSES[number - 1 : number]}
        if own and seen:
            assert {name: one[name] for name in NAMES} == pytest.approx(by_pycocotools(alone, seen), abs=1e-12)
        else:
            assert {one[name] for name in NAMES} == {0.0 if own else None}


def test_a_detection_of_another_class_is_wrong():
    content, _ = random_case(3)
    content = {**content, "categories": CLASSES[:2]}
    keys = ("image_id", "category_id", "segmentation")
    right = [{key: row[key] for key in keys} | {"score": 0.5} for row in content["annotations"]]
    assert score(content, right)["ap_1000"] == 1
    swapped = [row | {"category_id": 2} for row in right]
    assert score(content, swapped)["ap_1000"] == 0


def test_the_ceiling_is_the_mean_of_those_of_the_classes():
    content, _ = random_case(3)
    row = content["annotations"][0]
    counts = {1: 150, 2: 50}
    rows = [row | {"id": n, "image_id": 1, "category_id": k} for k, count in counts.items() for n in range(count)]
    found = score({**content, "annotations": rows, "categories": CLASSES}, [], per_image=False)
    assert found["ceiling_report"] == pytest.approx((ceiling([150]) + ceiling([50])) / 2)
    assert found["ceiling_report"] < 1
