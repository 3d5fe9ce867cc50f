"""The figure of errors by kind: what became of the nuclei, by size and crowding, and what the wrong detections are."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt

from nuclei.report.comparison_figures import short
from nuclei.report.figure_files import save
from nuclei.report.table_files import NOT_SCORED
from nuclei.scoring.error_kinds import DETECTION_KINDS, LARGE, NUCLEUS_KINDS, SMALL

GROUPS = {
    "all": "all nuclei",
    "crowded": "crowded nuclei (touching another one)",
    "alone": "nuclei alone",
    "small": f"small nuclei (below {SMALL} px²)",
    "medium": "medium nuclei",
    "large": f"large nuclei (from {LARGE} px² on)",
}
# colour and hatch of a kind: told apart without colours, too
NUCLEI = (("#56b4e9", ""), ("#d55e00", "//"), ("#cc79a7", ".."), ("#444444", "xx"))
DETECTIONS = (("#e69f00", ""), ("#d55e00", "//"), ("#cc79a7", ".."), ("#444444", "xx"))

Counts = Mapping[str, Mapping[str, Mapping[str, int]]]  # of count_errors: {what: {group: {kind: how many}}}


def bars(axis: plt.Axes, parts: Sequence[Mapping[str, int]], kinds: Sequence[str], looks: Sequence[tuple[str, str]],
         totals: Sequence[int]) -> None:  # fmt: skip
    """A bar for each row, one below the other: its kinds beside each other, in per cent of its total."""
    for at, (part, total) in enumerate(zip(parts, totals, strict=True)):
        left = 0.0
        for kind, (colour, hatch) in zip(kinds, looks, strict=True):
            width = 100 * part.get(kind, 0) / total if total else 0.0
            axis.barh(at, width, left=left, color=colour, hatch=hatch, edgecolor="white", lw=0.4, height=0.75,
                      label=kind if not at else None)  # fmt: skip
            left += width


def draw_errors(rows: Mapping[str, Counts], stem: Path | str) -> None:
    """Draw the errors of every row. rows: {label: what count_errors gives}."""
    labels = list(rows)
    height = 2 * (1.5 + 0.27 * max(len(labels), 2)) + 1.6 + 0.27 * max(len(labels), 2)
    figure = plt.figure(figsize=(14, height), layout="constrained")
    grid = figure.add_gridspec(3, 3)
    axes = [figure.add_subplot(grid[at // 3, at % 3]) for at in range(6)] + [figure.add_subplot(grid[2, :2])]
    for axis, (group, title) in zip(axes, GROUPS.items(), strict=False):
        parts = [rows[label].get("nucleus", {}).get(group, {}) for label in labels]
        totals = [sum(part.values()) for part in parts]
        bars(axis, parts, NUCLEUS_KINDS, NUCLEI, totals)
        axis.set(title=f"{title}: {max(totals, default=0)}" if labels else NOT_SCORED, xlim=(0, 100))
        axis.set_xlabel("per cent of these nuclei")
    nuclei = [sum(rows[label].get("nucleus", {}).get("all", {}).values()) for label in labels]
    parts = [rows[label].get("detection", {}).get("all", {}) for label in labels]
    bars(axes[6], parts, DETECTION_KINDS[1:], DETECTIONS, nuclei)
    axes[6].set(title="wrong detections", xlabel="detections per 100 nuclei")
    for number, axis in enumerate(axes):
        names = [short(label) for label in labels] if number % 3 == 0 else [""] * len(labels)
        axis.set_yticks(range(len(labels)), names, fontsize=9)
        axis.invert_yaxis()
        axis.spines[["top", "right"]].set_visible(False)
    if labels:
        handles, texts = axes[0].get_legend_handles_labels()
        wrong, kinds = axes[6].get_legend_handles_labels()
        corner = figure.add_subplot(grid[2, 2])
        corner.axis("off")
        first = corner.legend(handles, texts, title="nuclei", loc="upper left", frameon=False)
        corner.add_artist(first)
        corner.legend(wrong, kinds, title="wrong detections", loc="upper right", frameon=False)
    figure.suptitle("What became of the nuclei, and what the wrong detections are (row: model, setting)")
    save(figure, stem)
