"""Nuclei of several classes: each class is fused and doubted as if it were alone, and keeps its number."""

from dataclasses import replace

import numpy as np
import pytest

from nuclei.prediction.answers import answer
from nuclei.prediction.fusion import distinct, doubt_cut, fuse, soft_nms
from nuclei.prediction.instances import Nucleus, as_results, from_results
from nuclei.prediction.joining import join_rows

SIDE = 60


def drawn(seed, category):
    """Squares of random places and scores, many of which overlap, of a class, in falling order of the scores."""
    random = np.random.default_rng(seed)
    found = []
    for score in sorted(random.random(12) * 0.9 + 0.05, reverse=True):
        x, y = map(int, random.integers(0, SIDE - 12, 2))
        box = np.array([x, y, x + 12, y + 12], float)
        found.append(Nucleus(float(score), box, np.ones((12, 12), bool), x, y, category))
    return found


def shown(nuclei):
    """What can be compared of nuclei, in falling order of the scores."""
    rows = [(n.score, n.category, n.x, n.y, n.mask.tobytes(), n.box.tolist()) for n in nuclei]
    return sorted(rows, key=lambda row: (-row[0], row[1:4]))


RULES = {
    "fuse": lambda views: fuse(views, SIDE, SIDE),
    "distinct": lambda views: distinct([nucleus for view in views for nucleus in view], SIDE, SIDE),
    "soft_nms": lambda views: soft_nms(sum(views, []), SIDE, SIDE),
    "doubt_cut": lambda views: doubt_cut(sum(views, []), 0.5, SIDE, SIDE),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("seed", range(5))
def test_classes_do_not_touch_each_other(name, seed):
    # the second class lies where the first does, but is less sure, so that every rule would join or remove it
    views = [[replace(n, score=n.score * (1 - 0.01 * view)) for n in drawn(seed, 1)] for view in range(2)]
    other = [[replace(n, score=n.score * 0.9, category=3) for n in view] for view in views]
    both = [sorted(a + b, key=lambda n: -n.score) for a, b in zip(views, other, strict=True)]
    found = RULES[name](both)
    wanted = RULES[name](views) + RULES[name](other)
    assert shown(found) == shown(wanted)
    assert [n.score for n in found] == sorted((n.score for n in found), reverse=True)
    assert {n.category for n in found} == {1, 3}


def test_views_that_see_different_classes_agree_on_nothing():
    (one, *_), (other, *_) = drawn(1, 1), drawn(1, 2)
    found = fuse([[one], [other]], SIDE, SIDE)
    assert [(n.category, n.score) for n in found] == [(1, one.score / 2), (2, other.score / 2)]


def test_categories_go_to_coco_results_and_back():
    nuclei = sorted(drawn(1, 1) + drawn(2, 2), key=lambda nucleus: -nucleus.score)
    rows = as_results(nuclei, 7, SIDE, SIDE)
    assert [row["category_id"] for row in rows] == [nucleus.category for nucleus in nuclei]
    assert [nucleus.category for nucleus in from_results(rows)] == [nucleus.category for nucleus in nuclei]


def test_the_answer_merges_classes_before_it_counts_to_a_hundred():
    nuclei = sorted((n for seed in range(8) for n in drawn(seed, 1 + seed % 2)), key=lambda nucleus: -nucleus.score)
    rows = as_results(nuclei, 7, SIDE, SIDE)
    chosen = answer(rows, cap=50)
    assert {row["category_id"] for row in chosen} == {1}
    assert [row["score"] for row in chosen] == [row["score"] for row in rows[:50]]


def test_new_images_have_the_surest_class_of_a_nucleus():
    one, other = drawn(1, 1)[:1], drawn(1, 2)[:1]
    rows = [([one[0], replace(other[0], score=one[0].score * 1.05)], float("inf"))]
    (found,) = join_rows(rows)
    assert [nucleus.category for nucleus in found] == [2]
