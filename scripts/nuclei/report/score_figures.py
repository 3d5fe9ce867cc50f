"""Figures of the scores of a run's cells: precision and recall, the report's metric below its ceiling, nuclei by size.

A row is a model in a setting; rows is {label: what is drawn of it}, see nuclei.scoring.comparison_types.label.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from nuclei.report.comparison_figures import in_order, short
from nuclei.report.figure_files import save, style
from nuclei.report.table_files import NOT_SCORED
from nuclei.scoring.comparison_types import Comparisons
from nuclei.scoring.curves import rank
from nuclei.scoring.detections import ImageDetections
from nuclei.scoring.error_kinds import LARGE, SMALL
from nuclei.scoring.staircase import CAP

Detections = Mapping[str, Sequence[ImageDetections]]
Sizes = NDArray[np.float64]
NucleiBySize = tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]


def settings_of(labels: Sequence[str]) -> dict[str, list[str]]:
    """{setting: its labels}, in their order.

    >>> settings_of(["setting1/a", "setting2/a", "setting1/b"])
    {'1': ['setting1/a', 'setting1/b'], '2': ['setting2/a']}
    """
    found: dict[str, list[str]] = {}
    for label in labels:
        found.setdefault(label.split("/")[0].removeprefix("setting"), []).append(label)
    return found


def precision_recall(
    images: Sequence[ImageDetections], cap: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(recall, precision) after each detection of images as one list, at IoU 0.50; precision as COCO interpolates it.

    cap: detections per image, None for all. Each float, (1 + detections,), from recall 0 on; empty without detections.
    """
    ranking = rank(images, cap)
    right = ranking.right[0]
    if not len(right):
        return np.zeros(0), np.zeros(0)
    hits = np.cumsum(right)
    precision = np.maximum.accumulate((hits / np.arange(1, len(right) + 1))[::-1])[::-1]
    recall = hits / max(int(ranking.nuclei.sum()), 1)
    return np.append(0.0, recall), np.append(precision[0], precision)


def cap_recall(images: Sequence[ImageDetections]) -> float:
    """The largest recall that CAP detections per image can reach."""
    nuclei = [image.nuclei for image in images]
    return sum(min(count, CAP) for count in nuclei) / max(sum(nuclei), 1)


def draw_precision_recall(rows: Detections, stem: Path | str) -> None:
    """Draw precision over recall at IoU 0.50: with the report's cap, and with all detections; a line shows where the
    cap ends every curve."""
    settings = settings_of(list(rows)) or {"": []}
    figure, axes = plt.subplots(
        len(settings), 2, figsize=(11, 4.4 * len(settings)), layout="constrained", squeeze=False
    )
    for line, (setting, labels) in zip(axes, settings.items(), strict=True):
        for axis, cap in zip(line, (CAP, None), strict=True):
            for number, label in enumerate(labels):
                colour, dashes = style(number)
                name = label.split("/")[1]
                axis.plot(*precision_recall(rows[label], cap), color=colour, ls=dashes, lw=1.6, label=name)
            title = f"at most {cap} detections per image" if cap else "all detections"
            axis.set(title=f"setting {setting}, {title}" if labels else NOT_SCORED)
            axis.set(xlabel="recall (share of nuclei found)", ylabel="precision (share of right detections)")
            if labels:
                end = cap_recall(rows[labels[0]])
                # named in the legend: beside the line, the text would lie on the curves
                line_at = axis.axvline(end, color="#555555", lw=1, label=f"largest recall with the cap: {end:.4f}")
                axis.set_xlim(0, min(1.0, end * 1.05) if cap else 1.0)
                lowest = [precision_recall(rows[label], cap)[1].min(initial=1.0) for label in labels]
                axis.set_ylim(max(0.0, np.floor(10 * min(lowest)) / 10 - 0.1), 1.02)
                axis.legend(handles=None if cap is None else [line_at], loc="lower left", frameon=False, fontsize=9)
            axis.grid(alpha=0.3)
            axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Precision over recall at IoU 0.50, all test images as one")
    save(figure, stem)


def draw_ceiling(comparisons: Comparisons, ceiling: float | None, stem: Path | str) -> None:
    """Draw the report's metric of every row with its interval, below the ceiling, among the steps of 1/101."""
    groups = {label: comparisons["groups"][label]["pooled"]["ap50_100"] for label in in_order(comparisons)}
    figure, axis = plt.subplots(figsize=(9, 1.6 + 0.32 * max(len(groups), 1)), layout="constrained")
    known = [one[key] for one in groups.values() for key in ("low", "value", "high")]
    values = [value for value in known if value is not None]
    if ceiling is not None and values:
        left = min(values) - 0.01
        for step in range(int(left * 101), int(ceiling * 101) + 1):
            axis.axvline(step / 101, color="#bbbbbb", lw=0.7, zorder=0)
        axis.axvline(ceiling, color="black", lw=1.6)
        axis.text(ceiling, -0.9, f"ceiling {ceiling:.4f} ", ha="right", va="center", fontsize=9)
        axis.set_xlim(left, max(ceiling, *values) + 0.003)
    for at, (label, one) in enumerate(groups.items()):
        colour = "#d55e00" if label.startswith("setting2") else "#0072b2"
        if one["low"] is not None and one["high"] is not None:
            axis.plot([one["low"], one["high"]], [at, at], color=colour, lw=2, solid_capstyle="butt")
        if one["value"] is not None:
            axis.plot(one["value"], at, "s" if label.startswith("setting2") else "o", color=colour, ms=6)
    axis.set_yticks(range(len(groups)), [short(label) for label in groups], fontsize=9)
    axis.set_ylim(len(groups) - 0.4, -1.4)
    axis.set_xlabel(f"AP50 with at most {CAP} detections per image" if groups else NOT_SCORED)
    axis.set_title(
        "mAP below its ceiling; line: 95 % interval over test images\n"
        "(circle: setting 1, square: setting 2; thin lines: steps of 1/101; in a resample the ceiling is another one)",
        fontsize=10,
    )
    axis.spines[["top", "right"]].set_visible(False)
    save(figure, stem)


def share_by_size(areas: NDArray[np.int64], chosen: NDArray[np.bool_], edges: NDArray[np.float64]) -> Sizes:
    """Share of the chosen ones among areas between each two edges: float, (edges - 1,); NaN where there are none."""
    counts, some = np.histogram(areas, edges)[0], np.histogram(areas[chosen], edges)[0]
    return np.divide(some, counts, out=np.full(len(counts), np.nan), where=counts > 0)


def draw_sizes(sizes: Mapping[str, NucleiBySize], stem: Path | str) -> None:
    """Draw how many nuclei and detections there are of each size, and which share of the nuclei is matched.

    sizes: {label: (areas of the nuclei, whether each is matched, areas of the detections)}, px².
    """
    settings = settings_of(list(sizes)) or {"": []}
    figure, axes = plt.subplots(2, len(settings), figsize=(6.2 * len(settings), 7), layout="constrained", squeeze=False)
    everything = [areas[areas > 0] for true, _, found in sizes.values() for areas in (true, found)]
    largest = max((int(areas.max()) for areas in everything if len(areas)), default=1000)
    edges = np.geomspace(10, max(largest, 20) * 1.05, 25)
    for column, (setting, labels) in zip(axes.T, settings.items(), strict=True):
        above, below = column
        for number, label in enumerate(labels):
            colour, dashes = style(number)
            name = label.split("/")[1]
            true, matched, found = sizes[label]
            if not number:
                above.hist(true, edges, color="#cccccc", label="true nuclei")
            above.hist(found, edges, histtype="step", color=colour, ls=dashes, lw=1.5, label=name)
            middle, share = np.sqrt(edges[1:] * edges[:-1]), share_by_size(true, matched, edges)
            below.plot(middle, share, color=colour, ls=dashes, marker=".", lw=1.5, label=name)
        above.set(ylabel="number in all test images", title=f"setting {setting}" if labels else NOT_SCORED)
        below.set(ylabel="share of true nuclei matched (IoU ≥ 0.50)", xlabel="area (px²)", ylim=(0, 1.03))
        for axis in column:
            axis.set_xscale("log")
            axis.set_xlim(edges[0], edges[-1])
            axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            for area in (SMALL, LARGE):
                axis.axvline(area, color="#555555", lw=0.8, ls=":")
            axis.grid(alpha=0.3)
            axis.spines[["top", "right"]].set_visible(False)
        if labels:
            above.legend(frameon=False, fontsize=9)
    figure.suptitle(f"Nuclei by size (dotted: small below {SMALL} px², large from {LARGE} px² on)")
    save(figure, stem)
