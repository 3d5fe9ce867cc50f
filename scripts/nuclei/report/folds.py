"""Rows of the tables of a cross-validation: the scores of each fold, and their means over the folds with intervals.

The interval of a mean is that of Student's t with as many degrees of freedom as folds less one. It takes the scores of
the folds for independent, which they are not, because the folds share training images; so it is too narrow rather than
too wide (Bengio and Grandvalet, "No Unbiased Estimator of the Variance of K-Fold Cross-Validation", JMLR 2004).
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

from nuclei.models.catalogue import model_columns
from nuclei.report.cells import Cell
from nuclei.report.table_files import NOT_SCORED, TableRow
from nuclei.report.titles import column
from nuclei.scoring.names import NAMES
from nuclei.workflow.types import ModelEntry

INSTANCE_SCORES = {"aji": "AJI", "pq": "PQ", "f1": "F1"}  # of all test images of a fold as one
Rows = tuple[list[TableRow], list[TableRow]]


@dataclass(frozen=True)
class FoldCells:
    """The cells of one model in one fold, one of each seed.

    name: fold1, fold2, … groups: those that the fold tests; empty where there are none. instances: content of
    instance_scores.json of each cell; empty where the run makes none.
    """

    name: str
    groups: Sequence[str]
    cells: Sequence[Cell]
    instances: Sequence[Mapping[str, Any]]

    def scores(self) -> dict[str, float | None]:
        """{column: mean over the seeds}; None where a score has no value, as without any nucleus."""
        found: dict[str, list[float | None]] = {"mAP": [cell.scores["map_report"] for cell in self.cells]}
        found |= {column(name): [cell.scores[name] for cell in self.cells] for name in NAMES}
        if self.instances:
            for key, title in INSTANCE_SCORES.items():
                found[title] = [one["scores"][key]["pooled"] if one["scored"] else None for one in self.instances]
        return {title: _mean(values) for title, values in found.items()}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.mean(known) if known and len(known) == len(values) else None


def t_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Interval of the mean of two scores or more, by Student's t; cut at 0 and 1, beyond which no score lies.

    >>> [round(end, 4) for end in t_interval([0.5, 0.6, 0.7])]  # 0.6 ± 4.3027 · 0.1 / √3
    [0.3516, 0.8484]
    >>> t_interval([0.0, 0.1, 0.8])[0]
    0.0
    """
    middle, n = statistics.mean(values), len(values)
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * statistics.stdev(values) / math.sqrt(n)
    return max(0.0, middle - half), min(1.0, middle + half)


def fold_rows(entries: Mapping[str, ModelEntry], found: Mapping[str, Sequence[FoldCells]]) -> Rows:
    """(rows as shown, rows for the CSV) of the scores of each fold. found: {model: its folds}."""
    shown: list[TableRow] = []
    values: list[TableRow] = []
    for model, folds in found.items():
        for fold in folds:
            first = fold.cells[0]
            row: TableRow = {**model_columns(entries[model]), "fold": fold.name.removeprefix("fold")}
            row |= {"tests": ", ".join(fold.groups)} if fold.groups else {}
            row |= {"images": first.scores["images"], "nuclei": first.scores["nuclei"]}
            row["epoch"] = ", ".join(str(cell.choice["epoch"]) for cell in fold.cells)
            row |= {title: NOT_SCORED if score is None else score for title, score in fold.scores().items()}
            shown.append(row)
            values.append(row)
    return shown, values


def mean_rows(entries: Mapping[str, ModelEntry], found: Mapping[str, Sequence[FoldCells]]) -> Rows:
    """(rows as shown, rows for the CSV) of the means over the folds, with intervals. found: {model: its folds}."""
    shown: list[TableRow] = []
    values: list[TableRow] = []
    for model, folds in found.items():
        row: TableRow = {**model_columns(entries[model]), "folds": len(folds)}
        value = dict(row)
        scores = [fold.scores() for fold in folds]
        for title in scores[0]:
            known = [one for score in scores if (one := score[title]) is not None]
            if len(known) < len(folds):
                row[title] = value[title] = NOT_SCORED
                continue
            low, high = t_interval(known)
            row[title] = f"{statistics.mean(known):.4f} [{low:.4f}, {high:.4f}]"
            value |= {title: statistics.mean(known), f"{title} low": low, f"{title} high": high}
        shown.append(row)
        values.append(value)
    return shown, values


def notes(found: Mapping[str, Sequence[FoldCells]], data_note: str) -> list[str]:
    """Lines under both tables. data_note: first line, or "" for none."""
    folds = next(iter(found.values()))
    images, nuclei = (sum(fold.cells[0].scores[key] for fold in folds) for key in ("images", "nuclei"))
    lines = [data_note] if data_note else []
    lines.append(
        f"{len(folds)} folds; each training image is tested once, by a model that was not trained on it: "
        f"{images} images, {nuclei} nuclei"
    )
    if folds[0].groups:
        lines.append("no group of images is divided between training, validation and test images of a fold")
    lines.append("mAP: AP50 @100; @100, @1000: at most so many detections per image")
    if folds[0].instances:
        lines.append("AJI, PQ, F1: of all test images of a fold as one")
    lines.append(
        "[…]: 95 % interval of the mean by Student's t; it takes the folds for independent, but they share training "
        "images, so that it may be too narrow"
    )
    seeds = len(folds[0].cells)
    return [*lines, f"seeds: {seeds}" + ("; mean over the seeds" if seeds > 1 else "")]
