"""How sure a number is that comes from few images: resamples, intervals, sign flips, Holm's correction.

Images are what varies: a new test set would hold other images, whose nuclei are alike within an image. So images are
resampled, not nuclei (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13). With few
images nothing is drawn at random: of 6 images there are 462 different resamples, each with a known number of ways to
draw it, and 64 ways to change the signs of 6 differences. With more images resamples are drawn by a seed.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST = 10_000  # resamples or sign flips that are enumerated, and how many are drawn where there are more
LEVEL = 0.95  # of the intervals


@dataclass(frozen=True)
class Resamples:
    """Resamples of some images. weights: int, (resamples, images), how often each image is in it. ways: int,
    (resamples,), in how many ways it can be drawn; all ones where resamples were drawn at random. exact: whether all
    resamples are there."""

    weights: NDArray[np.int64]
    ways: NDArray[np.int64]
    exact: bool


def resamples(images: int, seed: int = 0, most: int = MOST) -> Resamples:
    """All resamples of so many images, or `most` drawn ones where there are more than that.

    >>> found = resamples(6)
    >>> len(found.weights), int(found.ways.sum()) == 6**6
    (462, True)
    """
    if math.comb(2 * images - 1, images) > most:
        drawn = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), most)
        return Resamples(drawn, np.ones(most, int), False)
    rows = []
    for bars in itertools.combinations(range(2 * images - 1), images - 1):  # stars and bars
        edges = [-1, *bars, 2 * images - 1]
        rows.append([b - a - 1 for a, b in itertools.pairwise(edges)])
    ways = [math.factorial(images) // math.prod(map(math.factorial, row)) for row in rows]
    return Resamples(np.array(rows), np.array(ways), True)


def interval(values: NDArray[np.float64], ways: NDArray[np.int64], level: float = LEVEL) -> tuple[float, float] | None:
    """Percentile interval of a score over resamples: between the two values that cut off equal tails.

    values: float, (resamples,); NaN where a resample has no value, which is left out. ways: int, (resamples,). Each end
    is the smallest value that at least that share of all ways does not exceed (numpy's `inverted_cdf`). None without
    any value.
    """
    known = ~np.isnan(values)
    if not known.any():
        return None
    order = np.argsort(values[known], kind="stable")
    ranked, counts = values[known][order], np.cumsum(ways[known][order])
    tail = (1 - level) / 2
    low, high = (np.searchsorted(counts, share * counts[-1]) for share in (tail, 1 - tail))
    return float(ranked[low]), float(ranked[min(high, len(ranked) - 1)])


def sign_flips(images: int, seed: int = 0, most: int = MOST) -> NDArray[np.int64]:
    """Ways to change the signs of so many differences: int, (flips, images), 1 or -1; the first changes none.

    All 2^images of them, or `most` drawn ones where there are more.
    """
    if 2**images <= most:
        return 1 - 2 * np.array(list(itertools.product((0, 1), repeat=images)), int).reshape(2**images, images)
    drawn = 1 - 2 * np.random.default_rng(seed).integers(0, 2, (most, images))
    drawn[0] = 1
    return drawn


def p_value(flipped: NDArray[np.float64]) -> float | None:
    """Two-sided p of a sign-flip test: the share of flips whose difference is at least as far from 0 as the first.

    flipped: float, (flips,), the difference under each flip, the first one as it is. None where it has no value. With
    6 images the smallest possible value is 2/64. Source: Good, "Permutation, Parametric and Bootstrap Tests of
    Hypotheses", 2005, section 3.2.
    """
    if np.isnan(flipped[0]):
        return None
    known = flipped[~np.isnan(flipped)]
    return float(np.mean(np.abs(known) >= abs(flipped[0]) - 1e-12))  # equal ones may differ in the last digit


def holm(values: Sequence[float | None]) -> list[float | None]:
    """p values of several comparisons, corrected by Holm ("A Simple Sequentially Rejective Multiple Test Procedure",
    Scandinavian Journal of Statistics 1979); None stays None.

    >>> holm([0.01, 0.04, None, 0.03])
    [0.03, 0.06, None, 0.06]
    """
    known = sorted((value, at) for at, value in enumerate(values) if value is not None)
    result: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (value, at) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * value))
        result[at] = largest
    return result
