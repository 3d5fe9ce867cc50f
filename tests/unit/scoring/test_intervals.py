"""Intervals and tests: equal to a loop over all ordered resamples, and to scipy's permutation test."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import false_discovery_control, permutation_test

from nuclei.scoring.intervals import holm, interval, p_value, resamples, sign_flips


@pytest.mark.parametrize("images", range(1, 7))
def test_all_ordered_resamples(images):
    """Their interval of a mean and of a quotient of sums, by numpy over all images^images of them."""
    random = np.random.default_rng(images)
    values, below = random.normal(size=images), random.uniform(1, 2, images)
    draws = np.array(list(itertools.product(range(images), repeat=images)))
    found = resamples(images)
    assert found.exact
    assert len(found.weights) == math.comb(2 * images - 1, images)
    assert found.ways.sum() == images**images
    assert len({tuple(row) for row in found.weights.tolist()}) == len(found.weights)
    for listed, weighted in (
        (values[draws].mean(axis=1), found.weights @ values / images),
        (values[draws].sum(axis=1) / below[draws].sum(axis=1), found.weights @ values / (found.weights @ below)),
    ):
        wanted = np.quantile(listed, [0.025, 0.975], method="inverted_cdf")
        assert interval(weighted, found.ways) == pytest.approx(tuple(wanted), abs=1e-12)


def test_more_images_are_drawn_by_a_seed():
    found, again, other = resamples(20), resamples(20), resamples(20, seed=1)
    assert not found.exact
    assert (found.weights.sum(axis=1) == 20).all()
    assert (found.weights == again.weights).all()
    assert (found.weights != other.weights).any()
    values = np.random.default_rng(1).normal(size=20)
    low, high = interval(found.weights @ values / 20, found.ways)
    error = values.std() / 20**0.5
    assert (values.mean() - low, high - values.mean()) == pytest.approx((1.96 * error, 1.96 * error), rel=0.15)


def test_values_that_are_missing():
    ways = np.ones(4, int)
    assert interval(np.array([np.nan, 2.0, 1.0, np.nan]), ways) == (1.0, 2.0)
    assert interval(np.full(4, np.nan), ways) is None
    assert p_value(np.array([np.nan, 1.0])) is None


@pytest.mark.parametrize("seed", range(8))
def test_sign_flips_equal_scipys(seed):
    random = np.random.default_rng(seed)
    images = int(random.integers(3, 8))
    differences = random.normal(0.5, 1, images)
    flips = sign_flips(images)
    assert flips.shape == (2**images, images)
    assert (flips[0] == 1).all()
    ours = p_value(flips @ differences / images)
    found = permutation_test(
        (differences, np.zeros(images)),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert ours == pytest.approx(found.pvalue, abs=1e-12)


def test_the_smallest_p_of_six_images():
    assert p_value(sign_flips(6) @ np.ones(6)) == 2 / 64


def test_holm_by_its_definition():
    random = np.random.default_rng(0)
    for _ in range(200):
        values = random.uniform(0, 0.2, random.integers(1, 9)).tolist()
        order = np.argsort(values)
        wanted = [0.0] * len(values)
        for rank, at in enumerate(order):
            wanted[at] = min(1.0, max((len(values) - k) * values[order[k]] for k in range(rank + 1)))
        assert holm(values) == pytest.approx(wanted)
        assert all(a >= b - 1e-12 for a, b in zip(holm(values), false_discovery_control(values), strict=True))
    assert holm([None, 0.5]) == [None, 0.5]
