"""Predicted nuclei and their form as COCO results."""

from support.squares import SIDE, square

from nuclei.prediction.instances import as_results, from_results


def test_results_come_back_as_they_went():
    rows = [square(0.9, 3, 4), square(0.4, 30, 8, side=3), square(0.6, 54, 54)]
    nuclei = from_results([rows[1], rows[0], rows[2]])
    assert [nucleus.score for nucleus in nuclei] == [0.9, 0.6, 0.4]
    assert as_results(nuclei, 1, SIDE, SIDE) == [rows[0], rows[2], rows[1]]


def test_what_says_nothing_is_left_out():
    assert from_results([square(0.0, 3, 4), square(-0.5, 3, 4), square(0.5, 3, 4, side=0)]) == []
