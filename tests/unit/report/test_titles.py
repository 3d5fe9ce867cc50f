"""Titles of scores: each name's titles lead back to it."""

import pytest

from nuclei.report.titles import column, long_title, score_of
from nuclei.scoring.names import CAPS, NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_columns_title_leads_back_to_its_score(name):
    assert score_of(column(name)) == (name, False)
    assert score_of(f"{column(name)} sd") == (name, True)


@pytest.mark.parametrize("name", NAMES)
def test_the_long_title_says_the_same_as_the_columns(name):
    kind, _, cap = column(name).partition(" @")
    assert long_title(name) == f"{kind}, {cap} detections an image"
    assert int(cap) in CAPS and name.endswith(f"_{cap}")


def test_no_two_scores_share_a_title():
    assert len({column(name) for name in NAMES}) == len({long_title(name) for name in NAMES}) == len(NAMES) == 6


def test_columns_and_their_scores():
    assert score_of("AP 0.50:0.95 @1000") == ("ap_1000", False)
    assert score_of("AP75 @100 sd") == ("ap75_100", True)
    assert score_of("mAP") == ("map_report", False)
    assert score_of("mAP sd") == ("map_report", True)
    assert [score_of(name) for name in ("published mAP", "difference", "epoch", "AP9 @100")] == [None] * 4
