"""The report's findings as claims, judged by given verdicts; the place on the board."""

import pytest
from conftest import ROOT

from nuclei.common.stage import InputError
from nuclei.scoring.board import place, read_board
from nuclei.scoring.comparison_types import UNSURE, label
from nuclei.scoring.findings import FAILS, FINDINGS, HOLDS, OPEN, UNMEASURED, judge

MODELS = ["mask_r50", "mask_x101", "cascade_r50", "cascade_x101", "pointrend_r50"]
ROWS = [label(setting, model) for setting in (1, 2) for model in MODELS]
BY_NUMBER = {finding.number: finding for finding in FINDINGS}


def comparisons(rows, verdicts=None):
    """Comparisons of rows, each better than all before it, except for the pairs in `verdicts`."""
    pairs = []
    for at, first in enumerate(rows):
        for second in rows[at + 1 :]:
            verdict = (verdicts or {}).get((first, second), second)
            one = {"difference": -0.1, "low": -0.2, "high": -0.05, "verdict": verdict}
            pairs.append({"first": first, "second": second, "scores": {"pooled": {"pq": one}}})
    return {"groups": dict.fromkeys(rows), "pairs": pairs}


def judged(number, found):
    return judge(BY_NUMBER[number], found, "pq")


def test_every_model_is_better_in_setting_2():
    found = judged("3.1.1", comparisons(ROWS))
    assert (found.judgement, len(found.claims)) == (HOLDS, 5)
    one = (label(1, "mask_r50"), label(2, "mask_r50"))
    assert judged("3.1.1", comparisons(ROWS, {one: UNSURE})).judgement == OPEN
    found = judged("3.1.1", comparisons(ROWS, {one: one[0], (ROWS[1], ROWS[6]): UNSURE}))
    assert found.judgement == FAILS
    assert [claim[2] for claim in found.claims] == [FAILS, OPEN, HOLDS, HOLDS, HOLDS]


def test_backbones():
    found = judged("3.1.3", comparisons(ROWS))  # later rows are better: X101 in both settings
    assert {claim[:3] for claim in found.claims} == {
        (label(1, "mask_r50"), label(1, "mask_x101"), FAILS),
        (label(2, "mask_x101"), label(2, "mask_r50"), HOLDS),
        (label(1, "cascade_r50"), label(1, "cascade_x101"), FAILS),
        (label(2, "cascade_x101"), label(2, "cascade_r50"), HOLDS),
    }
    assert found.judgement == FAILS


def test_the_best_and_the_dropped_one():
    best = label(2, "cascade_x101")
    rows = [row for row in ROWS if row != best] + [best]
    assert judged("4.2", comparisons(rows)).judgement == HOLDS
    assert judged("4.2", comparisons(ROWS)).judgement == FAILS  # PointRend stands behind it
    assert judged("ResNet101", comparisons(ROWS)).judgement == UNMEASURED
    found = judged("ResNet101", comparisons([label(1, "mask_r101"), *ROWS]))
    assert (found.judgement, len(found.claims)) == (HOLDS, 2)


def test_claims_about_rows_that_are_missing_are_left_out():
    rows = [row for row in ROWS if row != label(2, "mask_x101")]
    assert len(judged("3.1.1", comparisons(rows)).claims) == 4
    assert judged("3.1.1", comparisons([label(1, "mask_r50")])).judgement == UNMEASURED


def test_the_board():
    board = read_board(ROOT / "config/board.tsv")
    assert (len(board), board[0], board[-1]) == (10, 0.24525, 0.24436)
    assert board == sorted(board, reverse=True)
    assert place([0.244363], board) == "9"  # 0.24436, as the ninth and the tenth
    assert place([0.24, 0.2452, 0.24], board) == "2 to after 10"


def test_another_file_is_no_board(tmp_path):
    (tmp_path / "board.tsv").write_text("place\n1\n")
    with pytest.raises(InputError, match="wanted board.tsv"):
        read_board(tmp_path / "board.tsv")
