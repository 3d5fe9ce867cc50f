"""Rows of the tables, and the notes under them.

Functions for rows return them twice: as people read them, with texts such as "0.1234 ± 0.0056", and as numbers in full
precision for the CSV. entries are those of models.yaml. cells are {model: [cell of each seed]}, in the order of the
table's rows.
"""

import statistics
from collections.abc import Collection, Mapping, Sequence

from nuclei.models.catalogue import model_columns
from nuclei.report.cells import Cell
from nuclei.report.steps import MARK
from nuclei.report.table_files import NOT_SCORED, TableRow, signed
from nuclei.report.titles import column
from nuclei.scoring.names import NAMES
from nuclei.scoring.published_row import PublishedRow
from nuclei.scoring.types import Scores
from nuclei.workflow.types import ModelEntry

Rows = tuple[list[TableRow], list[TableRow]]


def mean(values: Sequence[float | None]) -> float | None:
    """Mean of scores; None where one is missing, because the test images have no masks."""
    known = [value for value in values if value is not None]
    return statistics.mean(known) if len(known) == len(values) else None


def deviation(values: Sequence[float | None]) -> float | None:
    """Sample standard deviation of scores (divided by n - 1); None for fewer than 2 values or a missing one."""
    known = [value for value in values if value is not None]
    return statistics.stdev(known) if len(known) == len(values) > 1 else None


def spread(value: float | None, sd: float | None, count: int) -> str:
    """A mean as people read it: 4 digits, with ± standard deviation where there are several seeds.

    count: how many seeds stand behind the mean.
    """
    if value is None:
        return NOT_SCORED
    return f"{value:.4f}" if count == 1 else f"{value:.4f} ± {sd:.4f}"


def report_rows(
    setting: int,
    entries: Mapping[str, ModelEntry],
    cells: Mapping[str, Sequence[Cell]],
    published: Mapping[tuple[int, str], PublishedRow] | None,
    near_step: Collection[str] = (),
) -> Rows:
    """(rows as shown, rows for the CSV) of the table with the report's columns and metric.

    setting: 1 or 2, which is also the number of the report's table. published: {(table, model): row}, whose numbers are
    shown beside the new ones; None for a table without them. near_step: models whose mAP gets a mark (report.steps).
    """
    rows: list[TableRow] = []
    values: list[TableRow] = []
    for model, found in cells.items():
        scores = [cell.scores["map_report"] for cell in found]
        epochs = ", ".join(str(cell.choice["epoch"]) for cell in found)
        average, sd = mean(scores), deviation(scores)
        row: TableRow = {**model_columns(entries[model]), "epoch": epochs, "mAP": spread(average, sd, len(found))}
        row["mAP"] = f"{row['mAP']}{MARK}" if model in near_step else row["mAP"]
        value: TableRow = {**row, "mAP": NOT_SCORED if average is None else average}
        if len(found) > 1:
            value |= {"mAP sd": sd, "seeds": len(found)}
        if published is not None:
            known = published.get((setting, model))
            row |= {"published epoch": None, "published mAP": None, "difference": None}
            if known:
                difference = None if average is None else average - float(known["map"])
                row |= {
                    "published epoch": known["epoch"],
                    "published mAP": known["map"],
                    "difference": None if difference is None else signed(difference),
                }
                value |= {"published epoch": known["epoch"], "published mAP": known["map"], "difference": difference}
        rows.append(row)
        values.append(value)
    return rows, values


def full_rows(entries: Mapping[str, ModelEntry], cells: Mapping[str, Sequence[Cell]]) -> Rows:
    """(rows as shown, rows for the CSV) of the table of AP, AP50 and AP75 at both caps."""
    rows: list[TableRow] = []
    values: list[TableRow] = []
    for model, found in cells.items():
        row: TableRow = {**model_columns(entries[model])}
        value = dict(row)
        for name in NAMES:
            scores = [cell.scores[name] for cell in found]
            average, sd = mean(scores), deviation(scores)
            row[column(name)] = spread(average, sd, len(found))
            value[column(name)] = NOT_SCORED if average is None else average
            if len(found) > 1:
                value[f"{column(name)} sd"] = sd
        rows.append(row)
        values.append(value)
    return rows, values


def with_setting(tables: Mapping[int, Rows]) -> Rows:
    """(rows as shown, rows for the CSV) of several settings as one table, with the setting as the fifth column.

    tables: {setting: (rows as shown, rows for the CSV)}.
    """
    joined: Rows = ([], [])
    for setting, pair in tables.items():
        for rows, target in zip(pair, joined, strict=True):
            target += [{**dict(list(row.items())[:4]), "setting": str(setting), **row} for row in rows]
    return joined


def scored_on(scores: Scores, extra: str = "") -> str:
    """The line that says what the scores of a table were measured on. extra: end of the line."""
    if not scores["scored"]:
        return f"{scores['images']} test images without masks: {NOT_SCORED}; answer.zip of each cell is made"
    return f"{scores['images']} test images, {scores['nuclei']} nuclei{extra}"


def seeds_line(count: int) -> str:
    """The line that says how many trainings stand behind each number."""
    return f"seeds: {count}" + ("; mean ± sample standard deviation" if count > 1 else "")


def notes(
    cells: Mapping[str, Sequence[Cell]], published: Mapping[tuple[int, str], PublishedRow] | None, data_note: str
) -> list[str]:
    """Lines under the table with the report's metric: the metric in full, what was scored, the ceiling, the seeds.

    data_note: first line, or "" for none.
    """
    found = next(iter(cells.values()))
    scores = found[0].scores
    lines = [data_note] if data_note else []
    lines.append("mAP: COCO mask AP at IoU 0.50 (AP50) with at most 100 detections an image")
    limit = f"; with 100 detections an image no model can exceed {scores['ceiling_report'] or 0:.4f}"
    lines += [scored_on(scores, limit), seeds_line(len(found))]
    if published is not None:
        lines.append("published: printed in the report (December 2021), not measured here")
    return lines


def full_notes(cells: Mapping[str, Sequence[Cell]], data_note: str) -> list[str]:
    """Lines under the table of the other scores. data_note: first line, or "" for none."""
    found = next(iter(cells.values()))
    lines = [data_note] if data_note else []
    lines.append("COCO mask AP over IoU 0.50:0.05:0.95, at IoU 0.50 (AP50) and at IoU 0.75 (AP75)")
    lines.append("@100, @1000: at most so many detections an image; mAP is AP50 @100")
    return [*lines, scored_on(found[0].scores), seeds_line(len(found))]
