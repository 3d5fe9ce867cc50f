"""Fusion of views by value: what agrees is averaged, what overlaps is doubted."""

import numpy as np
import pytest

from nuclei.prediction.fusion import distinct, doubt_cut, fuse, soft_nms
from nuclei.prediction.instances import Nucleus


def square(score, x, y, side=10):
    return Nucleus(score, np.array([x, y, x + side, y + side], float), np.ones((side, side), bool), x, y)


def test_fusion_is_the_mean_of_what_views_agree_on():
    # IoU of squares of 10 px, 2 px apart: 80 / 120; 6 px apart: 40 / 160
    found = fuse([[square(0.8, 10, 10)], [square(0.4, 12, 10), square(0.3, 50, 50)], [square(0.6, 16, 10)]], 90, 90)
    assert [round(nucleus.score, 6) for nucleus in found] == [0.4, 0.2, 0.1]  # 1.2 / 3, 0.6 / 3, 0.3 / 3
    assert found[0].box == pytest.approx([10 + 2 / 3, 10, 20 + 2 / 3, 20])
    assert (found[0].x, found[0].mask.shape) == (10, (10, 10))  # two thirds of the votes are the first view's
    assert [nucleus.x for nucleus in found[1:]] == [16, 50]


def test_a_view_gives_a_nucleus_one_detection():
    found = fuse([[square(0.9, 10, 10)], [square(0.8, 10, 10), square(0.5, 11, 10)]], 50, 50)
    assert [round(nucleus.score, 6) for nucleus in found] == [0.85, 0.25]


def test_one_view_stays_as_it_is():
    nuclei = [square(0.9, 10, 10), square(0.8, 11, 10)]
    for before, after in zip(nuclei, fuse([nuclei], 50, 50), strict=True):
        assert (before.score, before.x, before.y) == (after.score, after.x, after.y)
        assert np.array_equal(before.mask, after.mask) and np.array_equal(before.box, after.box)


def test_distinct_keeps_the_surer_of_two():
    nuclei = [square(0.5, 10, 10), square(0.9, 12, 10), square(0.7, 17, 10)]
    assert [nucleus.score for nucleus in distinct(nuclei, 50, 50)] == [0.9, 0.7]


def test_nuclei_at_the_border_lose_and_no_others():
    corners = [(0, 30), (1, 50), (30, 0), (80, 50), (79, 60), (50, 80)]
    nuclei = [square(0.9 - 0.1 * k, *corner) for k, corner in enumerate(corners)]
    assert nuclei[0].extent == [0, 30, 10, 40]
    found = doubt_cut(nuclei, 0.5, 90, 90)
    scores = {(nucleus.x, nucleus.y): round(nucleus.score, 6) for nucleus in found}
    assert scores == {(0, 30): 0.45, (1, 50): 0.8, (30, 0): 0.35, (80, 50): 0.3, (79, 60): 0.5, (50, 80): 0.2}
    assert [nucleus.score for nucleus in found] == sorted((nucleus.score for nucleus in found), reverse=True)
    assert nuclei[0].score == 0.9


def test_soft_nms_doubts_both_of_two_that_overlap():
    # IoU of squares of 10 px, 6 px apart: 40 / 160; 5 px: 50 / 150
    found = soft_nms([square(0.9, 10, 10), square(0.8, 16, 10), square(0.7, 60, 60), square(0.1, 21, 10)], 90, 90)
    by_place = {nucleus.x: nucleus.score for nucleus in found}
    assert by_place == pytest.approx({10: 0.9 * 0.8, 16: 0.8 * 0.775, 60: 0.7, 21: 0.1 * (1 - 0.8 / 3)})
    assert [nucleus.x for nucleus in found] == [10, 60, 16, 21]
    assert soft_nms([], 90, 90) == []
