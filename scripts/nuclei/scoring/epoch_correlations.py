"""Does a higher validation score go with a higher test score? Over the epochs of each training, by rank correlation.

Spearman's rank correlation of the two scores over the epochs of one training (Spearman, American Journal of Psychology
1904; equal scores get the mean of their ranks) is 1 where they rise together and -1 where one falls as the other rises.
A setting's value is the mean over its trainings. Its interval comes from resamples of the test images and, where there
are several trainings, of these too. That neighbouring epochs of one training are alike is not in the interval, so with
few trainings it is rather too narrow than too wide.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from nuclei.scoring.epoch_curves import ap_scores, detections_of
from nuclei.scoring.epoch_types import Correlation, Correlations, EpochScores
from nuclei.scoring.intervals import MOST, interval, resamples
from nuclei.scoring.names import NAMES

LEAST = 3  # epochs of a training: of two the correlation is 1 or -1, whatever the scores are


def rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman's rank correlation of `first` with each row of `second`; NaN where all values of one are equal.

    first: float, (epochs,). second: float, (resamples, epochs). Returns float, (resamples,).

    >>> rank_correlation(np.array([0.1, 0.2, 0.3]), np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 2.0]])).round(3).tolist()
    [1.0, -0.866]
    """
    one = rankdata(first) - (len(first) + 1) / 2
    other = rankdata(second, axis=1) - (second.shape[1] + 1) / 2
    spread = np.sqrt((one**2).sum() * (other**2).sum(axis=1))
    return np.divide(other @ one, spread, out=np.full(len(other), np.nan), where=spread > 0)


def training_correlations(epochs: Sequence[EpochScores], weights: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """{score: rank correlation of one training, float, (resamples,)} for the weighted test images.

    Scores that the validation lacks in some epochs are correlated over the others; without LEAST epochs they are left
    out.
    """
    test = [ap_scores([detections_of(row) for row in epoch["images"]], weights) for epoch in epochs]
    found: dict[str, NDArray[np.float64]] = {}
    for name in NAMES:
        known = [at for at, epoch in enumerate(epochs) if epoch["validation"][name] is not None]
        if len(known) >= LEAST:
            validation = np.array([epochs[at]["validation"][name] for at in known], float)
            found[name] = rank_correlation(validation, np.stack([test[at][name] for at in known], axis=1))
    return found


def mean_over_trainings(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the first axis, trainings without a value left out; NaN where none has one."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def correlate(cells: Mapping[tuple[int, str], Sequence[EpochScores]], seed: int = 0) -> Correlations:
    """The rank correlations of every setting and training.

    cells: {(setting, name of the training): its epochs}, all on the same test images with nuclei. seed: of the draws
    where there are several trainings.
    """
    images = len(next(iter(cells.values()))[0]["images"])
    drawn = resamples(images, seed)
    weights = np.vstack([np.ones((1, images), int), drawn.weights])
    found = {key: training_correlations(epochs, weights) for key, epochs in cells.items()}
    settings: dict[str, dict[str, Correlation]] = {}
    for setting in sorted({key[0] for key in cells}):
        settings[str(setting)] = {}
        for name in NAMES:
            own = [key for key in cells if key[0] == setting and name in found[key]]
            values = np.array([found[key][name] for key in own], float).reshape(len(own), len(weights))
            epochs = sum(epoch["validation"][name] is not None for key in own for epoch in cells[key])
            settings[str(setting)][name] = _of_setting(values, drawn.ways, seed, epochs)
    return {
        "scored": True,
        "images": images,
        "by_setting": settings,
        "cells": {
            f"setting{setting}/{name}": {
                score: None if np.isnan(values[0]) else float(values[0])
                for score, values in found[setting, name].items()
            }
            for setting, name in cells
        },
    }


def _of_setting(values: NDArray[np.float64], ways: NDArray[np.int64], seed: int, epochs: int) -> Correlation:
    """A setting's correlation. values: float, (trainings, 1 + resamples), the first column for all images once."""
    none: Correlation = {"value": None, "low": None, "high": None, "trainings": len(values), "epochs": epochs}
    if not len(values) or np.isnan(values[:, 0]).all():
        return none
    if len(values) == 1:
        over, counts = values[0, 1:], ways
    else:
        random = np.random.default_rng(seed)
        order = 1 + random.choice(len(ways), MOST, p=ways / ways.sum())
        chosen = random.integers(0, len(values), (len(values), MOST))
        over, counts = mean_over_trainings(values[chosen, order]), np.ones(MOST, int)
    ends = interval(over, counts)
    low, high = ends or (None, None)
    return {**none, "value": float(mean_over_trainings(values)[0]), "low": low, "high": high}


def not_correlated() -> Correlations:
    """Content of epoch_correlations.json where the nuclei of the test images are not known."""
    return {"scored": False, "images": 0, "by_setting": {}, "cells": {}}
