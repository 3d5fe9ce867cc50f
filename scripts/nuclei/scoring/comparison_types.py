"""Shapes and names of comparisons.json.

They stand apart from the code that compares, so that an edit there makes no table and no figure run again.
"""

from typing import TypedDict

UNSURE = "cannot be told"


def label(setting: int, model: str) -> str:
    """Name of a row of the tables in comparisons.json: a model in a setting.

    >>> label(2, "mask_r50")
    'setting2/mask_r50'
    """
    return f"setting{setting}/{model}"


def ensemble_row(name: str) -> str:
    """Name of an ensemble where those of models stand, such as in label(); no model's name holds a space.

    >>> label(1, ensemble_row("two")), is_ensemble("setting1/ensemble two")
    ('setting1/ensemble two', True)
    """
    return f"ensemble {name}"


def is_ensemble(name: str) -> bool:
    """Whether a label is that of an ensemble."""
    return name.partition("/")[2].startswith("ensemble ")


class Estimate(TypedDict):
    """A score and its interval; low and high None where no resample has a value."""

    value: float | None
    low: float | None
    high: float | None


class Comparison(TypedDict):
    """The difference of a score, first minus second, and how sure it is.

    low, high: interval over resamples of images (and seeds). nuclei_low, nuclei_high: the same with the nuclei of each
    image resampled too, for scores that are means over nuclei. p: two-sided, by sign flips; p_holm: corrected for all
    pairs of the table. least, most: smallest and largest difference with one image left out. verdict: name of the
    better one, or UNSURE where the interval holds 0.
    """

    difference: float | None
    low: float | None
    high: float | None
    nuclei_low: float | None
    nuclei_high: float | None
    p: float | None
    p_holm: float | None
    least: float | None
    most: float | None
    verdict: str


class Pair(TypedDict):
    """Two groups, by their labels, and {form: {score: comparison}}."""

    first: str
    second: str
    scores: dict[str, dict[str, Comparison]]


class Comparisons(TypedDict):
    """Content of comparisons.json.

    images, seeds: how many. exact: whether all resamples were enumerated. groups: {label: {form: {score: estimate}}}.
    """

    scored: bool
    images: int
    seeds: int
    resamples: int
    exact: bool
    groups: dict[str, dict[str, dict[str, Estimate]]]
    pairs: list[Pair]
