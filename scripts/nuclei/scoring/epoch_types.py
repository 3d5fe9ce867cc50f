"""Shapes of epoch_scores.json and epoch_correlations.json, apart from the code that computes them."""

from typing import TypedDict


class EpochImage(TypedDict):
    """An image as an epoch's model sees it. scores: of its detections, falling. right: as in image_statistics.json."""

    image_id: int
    nuclei: int
    scores: list[float]
    right: list[int]


class EpochScores(TypedDict):
    """An epoch's scores on the validation images (as in epochs.tsv) and on the test images, by their names."""

    epoch: int
    validation: dict[str, float | None]
    test: dict[str, float | None]
    images: list[EpochImage]


class Correlation(TypedDict):
    """How validation and test scores go together over epochs: the mean of the rank correlations of several trainings.

    trainings, epochs: how many stand behind it. low, high: its interval. All three None where it has no value.
    """

    value: float | None
    low: float | None
    high: float | None
    trainings: int
    epochs: int


class Correlations(TypedDict):
    """Content of epoch_correlations.json.

    images: test images. by_setting: {setting: {score: correlation}}. cells: {cell: {score: rank correlation}}.
    """

    scored: bool
    images: int
    by_setting: dict[str, dict[str, Correlation]]
    cells: dict[str, dict[str, float | None]]
