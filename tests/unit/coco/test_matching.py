"""Matches of masks: equal to a greedy matching by brute force, and as COCOeval makes them."""

from fractions import Fraction

import numpy as np
import pytest
from bench.scoring import by_pycocotools
from support.score_cases import encode, random_case

from nuclei.coco.matching import SAME_NUCLEUS, greedy_pairs, iou_matrix, match


def rectangles(random, count, side):
    """`count` random filled rectangles in images of side x side px, as sets of pixels (row, column)."""
    found = []
    for _ in range(count):
        top, left = random.integers(0, side - 1, 2)
        bottom, right = top + random.integers(1, 5), left + random.integers(1, 5)
        found.append({(y, x) for y in range(top, min(bottom, side)) for x in range(left, min(right, side))})
    return found


def code(pixels, side):
    """RLE of a set of pixels (row, column)."""
    mask = np.zeros((side, side), bool)
    mask[tuple(zip(*pixels, strict=True))] = True
    return encode(mask)


def pairs_by_hand(truth, found, least):
    """[(nucleus, prediction)] of sets of pixels: each prediction takes the best nucleus that is left, if it is alike.

    Of equally good nuclei it takes the first.
    """
    pairs, free = [], list(range(len(truth)))
    for at, prediction in enumerate(found):
        iou = {
            nucleus: Fraction(len(truth[nucleus] & prediction), len(truth[nucleus] | prediction)) for nucleus in free
        }
        best = max(iou, key=iou.get, default=None)
        if best is not None and iou[best] >= least:
            pairs.append((best, at))
            free.remove(best)
    return pairs


def test_equal_to_a_greedy_matching_by_brute_force():
    """2,000 cases of small rectangles, among them equal IoUs and IoUs of exactly the threshold."""
    random, side, matched, ties, borders = np.random.default_rng(0), 7, 0, 0, 0
    for case in range(2000):
        truth, found = (rectangles(random, random.integers(0, 8), side) for _ in range(2))
        least = (SAME_NUCLEUS, 0.25)[case % 2]
        wanted = pairs_by_hand(truth, found, Fraction(least))
        codes = [[code(pixels, side) for pixels in group] for group in (truth, found)]
        iou = iou_matrix(*codes)
        assert iou.shape == (len(truth), len(found))
        assert list(greedy_pairs(iou, least)) == wanted, case
        right, taken = match(*codes, least)
        assert np.flatnonzero(right).tolist() == sorted(column for _, column in wanted), case
        assert np.flatnonzero(taken).tolist() == sorted(row for row, _ in wanted), case
        assert (len(right), len(taken)) == (len(found), len(truth))
        matched += len(wanted)
        borders += np.count_nonzero(iou == least)
        ties += sum(len(set(column[column >= least])) < np.count_nonzero(column >= least) for column in iou.T)
    assert matched > 600 and ties > 20 and borders > 50  # the cases reach what is tested


def test_without_a_threshold_given_the_reports_is_taken():
    half = [code({(0, 0), (0, 1)}, 3)], [code({(0, 0)}, 3)]
    third = [code({(0, 0), (0, 1), (0, 2)}, 3)], [code({(0, 0)}, 3)]
    assert SAME_NUCLEUS == 0.5
    assert [found.tolist() for found in match(*half)] == [[True], [True]]
    assert [found.tolist() for found in match(*third)] == [[False], [False]]


@pytest.mark.parametrize("seed", range(15))
def test_matches_give_the_recall_of_pycocotools(seed):
    """AP50 follows from which of the ranked predictions match: computed here from match(), it equals pycocotools'."""
    content, rows = random_case(seed, images=1)
    random = np.random.default_rng(seed)
    rows = [{**row, "score": float(value)} for row, value in zip(rows, random.permutation(len(rows)), strict=True)]
    if not rows or not content["annotations"]:
        pytest.skip("nothing to match")
    rows.sort(key=lambda row: -row["score"])
    truth = [row["segmentation"] for row in content["annotations"]]
    right, taken = match(truth, [row["segmentation"] for row in rows])
    assert right.sum() == taken.sum()
    precision = np.cumsum(right) / np.arange(1, len(rows) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    recall = np.cumsum(right) / len(truth)
    places = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    wanted = np.append(envelope, 0.0)[places].mean()
    assert by_pycocotools(content, rows)["ap50_100"] == pytest.approx(wanted, abs=1e-9)
