"""Figures of comparisons.json: a forest plot of every row against the best one, and a matrix "A better than B"."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from nuclei.report.compared import COMPARED
from nuclei.report.figure_files import save
from nuclei.report.table_files import NOT_SCORED
from nuclei.scoring.comparison_types import UNSURE, Comparison, Comparisons

BETTER, WORSE, OPEN = "#2166ac", "#b2182b", "#9e9e9e"  # blue and red: told apart by people who do not see green


def between(comparisons: Comparisons, score: str) -> dict[tuple[str, str], tuple[Comparison, int]]:
    """{(first, second): (comparison, sign)} of a score, for every two groups in both orders; sign -1: turned round."""
    found: dict[tuple[str, str], tuple[Comparison, int]] = {}
    for pair in comparisons["pairs"]:
        one = pair["scores"]["pooled"][score]
        found[pair["first"], pair["second"]] = (one, 1)
        found[pair["second"], pair["first"]] = (one, -1)
    return found


def short(label: str) -> str:
    """A group's label for a figure.

    >>> short("setting2/mask_r50")
    'mask_r50, 2'
    """
    setting, model = label.split("/")
    return f"{model}, {setting.removeprefix('setting')}"


def in_order(comparisons: Comparisons) -> list[str]:
    """Labels of the groups in the order of the tables: that of the pairs, since the keys of the file are sorted."""
    ordered = [label for pair in comparisons["pairs"] for label in (pair["first"], pair["second"])]
    return list(dict.fromkeys([*ordered, *comparisons["groups"]]))


def panels(rows: int, height: float, width: float) -> tuple[Figure, list[plt.Axes]]:
    """A figure with one panel for each score of COMPARED; rows: of each panel. height: inches for a row."""
    count = len(COMPARED)
    size = (width * count / 2, 2 * (1.3 + height * rows))
    figure, axes = plt.subplots(2, count // 2, figsize=size, layout="constrained", squeeze=False)
    return figure, list(axes.ravel())


def draw_forest(comparisons: Comparisons, stem: Path | str) -> None:
    """Draw the difference of every row from the one of highest score, with its interval, a panel for each score."""
    groups = in_order(comparisons)
    figure, axes = panels(len(groups), 0.27, 6.2)
    for axis, (score, title) in zip(axes, COMPARED.items(), strict=True):
        values = {label: comparisons["groups"][label]["pooled"][score]["value"] or 0.0 for label in groups}
        best = max(groups, key=lambda label: values[label]) if groups else ""
        pairs = between(comparisons, score)
        for at, label in enumerate(groups):
            if label == best:
                axis.plot(0, at, "D", color="black", ms=5)
                continue
            one, sign = pairs[label, best]
            if one["difference"] is None or one["low"] is None or one["high"] is None:
                continue
            ends = sorted((sign * one["low"], sign * one["high"]))
            colour = OPEN if one["verdict"] == UNSURE else WORSE if one["verdict"] == best else BETTER
            # without butt, a line is longer than its interval, and may reach 0 where that does not
            axis.plot(ends, [at, at], color=colour, lw=2, solid_capstyle="butt")
            axis.plot(sign * one["difference"], at, "o", color=colour, ms=5)
        axis.axvline(0, color="black", lw=0.8)
        axis.set_yticks(range(len(groups)), [f"{short(label)}  {values[label]:.4f}" for label in groups], fontsize=9)
        axis.invert_yaxis()
        axis.set(title=title, xlabel=f"difference from {short(best)}" if groups else NOT_SCORED)
        axis.locator_params(axis="x", nbins=6)
        axis.grid(axis="x", alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        f"Difference from the highest score, 95 % interval over resamples of {comparisons['images']} images "
        "(row: model, setting; grey: cannot be told; diamond: the highest)"
    )
    save(figure, stem)


def draw_better(comparisons: Comparisons, stem: Path | str) -> None:
    """Draw for every two rows whether the one on the left is better than the one below, a panel for each score."""
    groups = in_order(comparisons)
    figure, axes = panels(max(len(groups), 1), 0.34, max(6.0, 2.2 + 0.45 * len(groups)))
    for axis, (score, title) in zip(axes, COMPARED.items(), strict=True):
        pairs = between(comparisons, score)
        table = np.full((len(groups), len(groups)), 3)
        for (first, second), (one, _) in pairs.items():
            kind = 1 if one["verdict"] == UNSURE else 2 if one["verdict"] == first else 0
            table[groups.index(first), groups.index(second)] = kind
        if groups:
            axis.imshow(table, cmap=ListedColormap([WORSE, "#dddddd", BETTER, "white"]), vmin=0, vmax=3, aspect="auto")
        for (row, column), kind in np.ndenumerate(table):
            axis.text(column, row, ("−", "?", "+", "")[kind], ha="center", va="center",
                      color="black" if kind == 1 else "white", fontsize=9)  # fmt: skip
        names = [short(label) for label in groups]
        axis.set_yticks(range(len(groups)), names, fontsize=9)
        axis.set_xticks(range(len(groups)), names, fontsize=9, rotation=60, ha="right", rotation_mode="anchor")
        axis.set(title=title if groups else f"{title}: {NOT_SCORED}")
        axis.spines[:].set_visible(False)
    figure.suptitle(
        "Row (model, setting) better than column (+), worse (−), cannot be told (?): from 95 % intervals over images"
    )
    save(figure, stem)
