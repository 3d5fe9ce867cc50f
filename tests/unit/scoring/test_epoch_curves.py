"""Validation and test scores over epochs: rank correlations against scipy's, their intervals, finding 3.1.2."""

import itertools

import numpy as np
import pytest
from scipy.stats import spearmanr
from support.score_cases import random_case

from nuclei.report.finding_rows import PUBLISHED, RUN, finding_rows
from nuclei.scoring.average_precision import evaluate
from nuclei.scoring.epoch_correlations import correlate, rank_correlation
from nuclei.scoring.epoch_curves import ap_scores, detections_of
from nuclei.scoring.epoch_scores import score_epoch
from nuclei.scoring.findings import FAILS, HOLDS, OPEN, UNMEASURED, judge_epochs
from nuclei.scoring.names import NAMES
from nuclei.training.spread_epochs import spread_epochs


def epochs_of(seed, count=5, images=3):
    """Epochs of a training on one random case: of each a part of its detections, with validation scores at random."""
    random = np.random.default_rng(seed)
    truth, rows = random_case(4, images=images)
    found = []
    for epoch in range(1, count + 1):
        kept = [row for row in rows if random.random() < 0.3 + 0.1 * epoch]
        scores = random.permutation(len(kept)) / len(kept)
        kept = [{**row, "score": float(score)} for row, score in zip(kept, scores, strict=True)]
        validation = {name: float(random.integers(0, 4)) / 4 for name in NAMES}
        found.append((score_epoch(truth, epoch, kept, validation), truth, kept))
    return found


def test_test_scores_are_those_of_the_tables():
    for scores, truth, rows in epochs_of(0):
        assert scores["test"] == pytest.approx(evaluate(truth, rows), abs=1e-12)


@pytest.mark.parametrize("seed", range(50))
def test_rank_correlation_is_scipys(seed):
    random = np.random.default_rng(seed)
    first, second = random.integers(0, 5, 6) / 5, random.integers(0, 5, (20, 6)) / 5
    wanted = [spearmanr(first, row).statistic if len(set(first)) > 1 < len(set(row)) else np.nan for row in second]
    np.testing.assert_allclose(rank_correlation(first, second), wanted, atol=1e-12)


def test_the_interval_of_one_training_by_all_draws_of_its_images():
    epochs = [scores for scores, *_ in epochs_of(1)]
    found = correlate({(1, "a/seed0"): epochs})
    values = []
    for draw in itertools.product(range(3), repeat=3):
        weights = np.bincount(draw, minlength=3)[None]
        test = [ap_scores([detections_of(row) for row in one["images"]], weights)["ap_100"][0] for one in epochs]
        validation = [one["validation"]["ap_100"] for one in epochs]
        values.append(spearmanr(validation, test).statistic)
    one = found["by_setting"]["1"]["ap_100"]
    low, high = np.quantile([v for v in values if not np.isnan(v)], [0.025, 0.975], method="inverted_cdf")
    assert (one["low"], one["high"]) == pytest.approx((low, high), abs=1e-12)
    assert one["value"] == pytest.approx(
        spearmanr([e["validation"]["ap_100"] for e in epochs], [e["test"]["ap_100"] for e in epochs]).statistic
    )
    assert (one["trainings"], one["epochs"]) == (1, 5)
    assert found["cells"]["setting1/a/seed0"]["ap_100"] == one["value"]


def test_several_trainings_are_drawn_too():
    cells = {(2, f"a/seed{seed}"): [scores for scores, *_ in epochs_of(seed)] for seed in range(4)}
    found = correlate(cells)
    own = [found["cells"][f"setting2/a/seed{seed}"]["ap50_100"] for seed in range(4)]
    one = found["by_setting"]["2"]["ap50_100"]
    assert one["value"] == pytest.approx(np.mean(own))
    assert min(own) - 0.5 < one["low"] < one["value"] < one["high"]
    assert one["trainings"] == 4
    assert correlate(cells) == found
    assert "1" not in found["by_setting"]


def test_two_epochs_say_nothing_and_validation_without_scores_is_left_out():
    epochs = [scores for scores, *_ in epochs_of(2, count=4)]
    epochs[0]["validation"]["ap_100"] = None
    found = correlate({(1, "a/seed0"): epochs})["by_setting"]["1"]
    assert (found["ap_100"]["epochs"], found["ap50_100"]["epochs"]) == (3, 4)
    short = correlate({(1, "a/seed0"): epochs[:2]})["by_setting"]["1"]["ap50_100"]
    assert (short["value"], short["trainings"]) == (None, 0)


def correlations(**intervals):
    """Correlations of the report's metric with these intervals of the settings."""
    rest = {"value": 0.1, "trainings": 2, "epochs": 6}
    own = {name[-1]: {"ap50_100": {"low": low, "high": high, **rest}} for name, (low, high) in intervals.items()}
    return {"by_setting": own}


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        ((0.2, 0.9), (-0.9, -0.1), HOLDS),
        ((0.2, 0.9), (-0.1, 0.5), OPEN),
        ((0.0, 0.9), (-0.9, -0.1), OPEN),
        ((-0.9, -0.2), (-0.9, -0.1), FAILS),
        ((0.2, 0.9), (0.1, 0.9), FAILS),
    ],
)
def test_finding_312(first, second, wanted):
    assert judge_epochs(correlations(s1=first, s2=second), "ap50_100")[0] == wanted


def test_the_rows_of_finding_312():
    none = {"groups": {}, "pairs": [], "images": 6}
    rows = finding_rows({RUN: none, PUBLISHED: none}, correlations(s1=(0.2, 0.9), s2=(-0.1, 0.5)))
    found = {(row["measured on"], row["score"].partition(" (")[0]): row for row in rows if row["finding"] == "3.1.2"}
    assert len(found) == 8
    assert found[RUN, "mAP"]["judgement"] == OPEN
    assert "setting 1: rank correlation +0.1000 [+0.2000, +0.9000]" in found[RUN, "mAP"]["numbers"]
    assert (found[RUN, "PQ"]["judgement"], found[RUN, "PQ"]["numbers"][:10]) == (UNMEASURED, "an epoch's")
    assert found[PUBLISHED, "mAP"]["judgement"] == UNMEASURED
    assert judge_epochs(correlations(), "ap50_100") == (UNMEASURED, [])


@pytest.mark.parametrize("seed", range(30))
def test_epochs_are_spread(seed):
    random = np.random.default_rng(seed)
    kept = sorted(random.choice(np.arange(1, 60), random.integers(1, 20), replace=False).tolist())
    count = int(random.integers(1, 9))
    found = spread_epochs(kept, count)
    assert found == sorted(set(found)) and set(found) <= set(kept)
    assert len(found) == min(count, len(kept)) and found[-1] == kept[-1]
    if count > 1:
        assert found[0] == kept[0]
