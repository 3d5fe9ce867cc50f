"""Which of two models is better, by how much, and how sure that is: paired comparisons for every score.

Both models are judged on the same images, so each resample, sign flip and left-out image is the same for both. A group
is what one table row stands for: a model in a setting, with one cell for each seed. Its score is the mean over its
seeds; where there are several, seeds are resampled too, for each group on its own, since trainings of two models with
one seed have nothing in common.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nuclei.scoring.comparison_types import UNSURE, Comparison, Comparisons, Estimate, Pair
from nuclei.scoring.image_statistics import NAMES, ImageStatistics, Values, mean, of_each, pooled
from nuclei.scoring.instance_metrics import quotient
from nuclei.scoring.intervals import MOST, Resamples, holm, interval, p_value, resamples, sign_flips

# what is drawn, each from numbers of its own; a 0 at the end of a seed of numpy changes nothing, so none of them is 0
NUCLEI_DRAWN, IMAGES_DRAWN, SEEDS_DRAWN = 1, 2, 3
FORMS = ("pooled", "mean")  # of all images as one; of the images' own values
NUCLEI = ("recall", "sq", "dice_matched")  # scores that are means over nuclei, which can be resampled within an image

DIGITS = 4  # of a difference that people read

Cell = Sequence[ImageStatistics]  # of one training, on the same images in the same order for all cells


@dataclass(frozen=True)
class Spread:
    """A group's scores: {form: {score: float, (seeds, …)}}: as they are (1), in each resample, without each image."""

    plain: dict[str, Values]
    resampled: dict[str, Values]
    without: dict[str, Values]
    each: list[Values]  # of each seed: of_each()


def spread(cells: Sequence[Cell], drawn: Resamples) -> Spread:
    """The scores of a group of cells under all the weights that comparisons need."""
    count = len(cells[0])
    ones = np.ones((1, count), int)
    without = 1 - np.eye(count, dtype=int)
    each = [of_each(cell) for cell in cells]

    def by_form(weights: NDArray[np.int64]) -> dict[str, Values]:
        found = {"pooled": [pooled(cell, weights) for cell in cells], "mean": [mean(own, weights) for own in each]}
        return {form: {name: np.stack([one[name] for one in rows]) for name in NAMES} for form, rows in found.items()}

    return Spread(by_form(ones), by_form(drawn.weights), by_form(without), each)


def none(value: float) -> float | None:
    """None in place of NaN."""
    return None if np.isnan(value) else float(value)


def drawn_seeds(
    values: NDArray[np.float64], drawn: Resamples, order: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.float64]:
    """Scores of a group with its seeds resampled: float, (draws,).

    values: float, (seeds, resamples). order: int, (draws,): the resample of images of each draw.
    """
    seeds = random.integers(0, len(values), (len(order), len(values)))
    return np.asarray(values[seeds, order[:, None]].mean(axis=1))


@dataclass(frozen=True)
class Draws:
    """Draws of resamples of images, for groups of several seeds; None for one seed, where each resample counts once."""

    drawn: Resamples
    order: NDArray[np.int64] | None
    seed: int

    def values(self, scores: NDArray[np.float64], which: int) -> NDArray[np.float64]:
        """The scores of group number `which` in every draw; scores: float, (seeds, resamples)."""
        if self.order is None:
            return scores[0]
        return drawn_seeds(scores, self.drawn, self.order, np.random.default_rng([self.seed, SEEDS_DRAWN, which]))

    def interval(self, values: NDArray[np.float64]) -> tuple[float, float] | None:
        """Interval of a score over the draws; None with one image, which says nothing of how images differ."""
        return interval(values, self.ways) if self.drawn.weights.shape[1] > 1 else None

    @property
    def ways(self) -> NDArray[np.int64]:
        """In how many ways each draw comes about."""
        return self.drawn.ways if self.order is None else np.ones(len(self.order), int)


def make_draws(images: int, seeds: int, seed: int) -> Draws:
    """The draws for groups of so many cells, on so many images."""
    found = resamples(images, seed)
    if seeds == 1:
        return Draws(found, None, seed)
    share = found.ways / found.ways.sum()
    return Draws(found, np.random.default_rng([seed, IMAGES_DRAWN]).choice(len(share), MOST, p=share), seed)


def flipped(
    first: Sequence[Cell], second: Sequence[Cell], one: Spread, other: Spread, flips: NDArray[np.int64]
) -> dict[str, Values]:
    """{form: {score: float, (flips,)}}: the difference with the images' signs changed, as the mean over seeds.

    To change the sign of an image's difference is to exchange the two models on that image, which is also possible for
    scores of all images as one.
    """
    keep = (flips + 1) // 2
    ahead, behind = np.hstack([keep, 1 - keep]), np.hstack([1 - keep, keep])
    totals: dict[str, list[Values]] = {form: [] for form in FORMS}
    for at, (a, b) in enumerate(zip(first, second, strict=True)):
        both = [*a, *b]
        each = {name: np.concatenate([one.each[at][name], other.each[at][name]]) for name in NAMES}
        sides = {"pooled": [pooled(both, side) for side in (ahead, behind)]}
        sides["mean"] = [mean(each, side) for side in (ahead, behind)]
        for form, (front, back) in sides.items():
            totals[form].append({name: front[name] - back[name] for name in NAMES})
    return {
        form: {name: np.mean([row[name] for row in rows], axis=0) for name in NAMES} for form, rows in totals.items()
    }


def compare(groups: Mapping[str, Sequence[Cell]], seed: int = 0) -> Comparisons:
    """Compare every two groups in every score.

    groups: {label: a cell for each seed}; all of equally many seeds, on the same images in the same order.
    """
    seeds = len(next(iter(groups.values())))
    count = len(next(iter(groups.values()))[0])
    draws = make_draws(count, seeds, seed)
    spreads = {label: spread(cells, draws.drawn) for label, cells in groups.items()}
    places = {label: at for at, label in enumerate(groups)}
    flips = sign_flips(count, seed)
    nuclei = NucleusDraws.of(groups, seed)
    pairs = []
    for a, b in combinations(groups, 2):
        exchanged = flipped(groups[a], groups[b], spreads[a], spreads[b], flips)
        pairs.append(_pair(a, b, spreads, draws, places, exchanged, nuclei))
    for form in FORMS:
        for name in NAMES:
            found = [pair["scores"][form][name] for pair in pairs]
            for one, value in zip(found, holm([one["p"] for one in found]), strict=True):
                one["p_holm"] = value
    return {
        "scored": True,
        "images": count,
        "seeds": seeds,
        "resamples": len(draws.ways),
        "exact": draws.drawn.exact and seeds == 1,
        "groups": {label: _estimates(found, draws, places[label]) for label, found in spreads.items()},
        "pairs": pairs,
    }


def not_compared() -> Comparisons:
    """Content of comparisons.json where the nuclei of the test images are not known."""
    return {"scored": False, "images": 0, "seeds": 0, "resamples": 0, "exact": False, "groups": {}, "pairs": []}


def _estimates(found: Spread, draws: Draws, which: int) -> dict[str, dict[str, Estimate]]:
    """Every score of a group with its interval."""
    result: dict[str, dict[str, Estimate]] = {}
    for form in FORMS:
        result[form] = {}
        for name in NAMES:
            ends = draws.interval(draws.values(found.resampled[form][name], which))
            low, high = ends or (None, None)
            value = none(found.plain[form][name].mean())
            result[form][name] = {"value": value, "low": low, "high": high}
    return result


def _pair(
    first: str,
    second: str,
    spreads: Mapping[str, Spread],
    draws: Draws,
    places: Mapping[str, int],
    exchanged: Mapping[str, Values],
    nuclei: "NucleusDraws",
) -> Pair:
    """The comparison of two groups in every score, without Holm's correction."""
    one, other = spreads[first], spreads[second]
    scores: dict[str, dict[str, Comparison]] = {}
    for form in FORMS:
        scores[form] = {}
        for name in NAMES:
            differences = draws.values(one.resampled[form][name], places[first])
            differences = differences - draws.values(other.resampled[form][name], places[second])
            low, high = draws.interval(differences) or (None, None)
            within = nuclei.interval(first, second, name) if form == "pooled" and name in NUCLEI else None
            left_out = (one.without[form][name] - other.without[form][name]).mean(axis=0)
            known = left_out[~np.isnan(left_out)]
            difference = none((one.plain[form][name] - other.plain[form][name]).mean())
            scores[form][name] = {
                "difference": difference,
                "low": low,
                "high": high,
                "nuclei_low": within[0] if within else None,
                "nuclei_high": within[1] if within else None,
                "p": p_value(exchanged[form][name]),
                "p_holm": None,
                "least": float(known.min()) if len(known) else None,
                "most": float(known.max()) if len(known) else None,
                "verdict": verdict(first, second, low, high),
            }
    return {"first": first, "second": second, "scores": scores}


def verdict(first: str, second: str, low: float | None, high: float | None) -> str:
    """Which of two is better, from the interval of the difference first minus second.

    An end counts as people read it, with DIGITS digits: an interval that starts at 0.000001 is one that starts at 0.

    >>> verdict("a", "b", -0.2, -0.1), verdict("a", "b", -0.1, -0.00001)
    ('b', 'cannot be told')
    """
    if low is None or high is None or round(low, DIGITS) <= 0 <= round(high, DIGITS):
        return UNSURE
    return first if low > 0 else second


@dataclass(frozen=True)
class NucleusDraws:
    """Scores that are means over nuclei, with images and then the nuclei of each image resampled.

    values: {(label, score): float, (draws,)}, of the mean over seeds. All groups see the same nuclei in each draw.
    """

    values: dict[tuple[str, str], NDArray[np.float64]]

    @classmethod
    def of(cls, groups: Mapping[str, Sequence[Cell]], seed: int, draws: int = 2000) -> "NucleusDraws":
        """Draw `draws` times; groups: as for compare()."""
        images = next(iter(groups.values()))[0]
        counts = [image.detections.nuclei for image in images]
        random = np.random.default_rng([seed, NUCLEI_DRAWN])
        times = random.multinomial(len(images), np.full(len(images), 1 / len(images)), draws)
        parts = [
            random.multinomial(times[:, at] * count, np.full(count, 1 / count)) if count else np.zeros((draws, 0), int)
            for at, count in enumerate(counts)
        ]
        weights = np.hstack(parts).astype(float)
        values: dict[tuple[str, str], NDArray[np.float64]] = {}
        for label, cells in groups.items():
            found = [_nucleus_scores(cell, weights) for cell in cells]
            values |= {(label, name): np.mean([one[name] for one in found], axis=0) for name in NUCLEI}
        return cls(values)

    def interval(self, first: str, second: str, name: str) -> tuple[float, float] | None:
        """Interval of the difference of two groups in a score of NUCLEI."""
        difference = self.values[first, name] - self.values[second, name]
        return interval(difference, np.ones(len(difference), int))


def _nucleus_scores(cell: Cell, weights: NDArray[np.float64]) -> Values:
    """{score of NUCLEI: float, (draws,)} of a cell; weights: float, (draws, nuclei of all images)."""
    right, iou, dice = (np.concatenate([getattr(image, name) for image in cell]) for name in ("right", "iou", "dice"))
    matched = weights @ (iou > 0)
    return {
        "recall": quotient(weights @ right, weights.sum(axis=1)),
        "sq": quotient(weights @ iou, matched),
        "dice_matched": quotient(weights @ dice, matched),
    }
