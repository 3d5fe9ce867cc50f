"""Rows of the tables and the notes under them."""

import statistics

from nuclei.models.catalogue import model_columns
from nuclei.report.table_files import NOT_SCORED, signed
from nuclei.report.titles import column
from nuclei.scoring.names import NAMES


def mean(values):
    """Mean of scores, or None where one is missing (not scored)."""
    return None if None in values else statistics.mean(values)


def deviation(values):
    """Sample standard deviation (n - 1); None for fewer than 2 values or a missing one."""
    return None if None in values or len(values) < 2 else statistics.stdev(values)


def spread(value, sd, count):
    """A mean as people read it: 4 digits, with ± standard deviation where there are several seeds."""
    if value is None:
        return NOT_SCORED
    return f"{value:.4f}" if count == 1 else f"{value:.4f} ± {sd:.4f}"


def report_rows(setting, entries, cells, published):
    """(rows as shown, rows for the CSV) of the report's table.

    entries: models.yaml; cells: {model: [cell of each seed]}; published: {(table, model): …} or None.
    """
    rows, values = [], []
    for model, found in cells.items():
        scores = [cell.scores["map_report"] for cell in found]
        epochs = ", ".join(str(cell.choice["epoch"]) for cell in found)
        average, sd = mean(scores), deviation(scores)
        row = {**model_columns(entries[model]), "epoch": epochs, "mAP": spread(average, sd, len(found))}
        value = {**row, "mAP": NOT_SCORED if average is None else average}
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


def full_rows(entries, cells):
    """(rows as shown, rows for the CSV) with AP, AP50, AP75 at both caps."""
    rows, values = [], []
    for model, found in cells.items():
        row = model_columns(entries[model])
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


def with_setting(tables):
    """(rows as shown, rows for the CSV) of several settings as one table, with the setting as the fifth column.

    tables: {setting: (rows as shown, rows for the CSV)}.
    """
    joined = [], []
    for setting, pair in tables.items():
        for rows, target in zip(pair, joined, strict=True):
            target += [{**dict(list(row.items())[:4]), "setting": str(setting), **row} for row in rows]
    return joined


def scored_on(scores, extra=""):
    """The line that says what the scores of a table were measured on."""
    if not scores["scored"]:
        return f"{scores['images']} test images without masks: {NOT_SCORED}; answer.zip of each cell is made"
    return f"{scores['images']} test images, {scores['nuclei']} nuclei{extra}"


def seeds_line(count):
    """The line that says how many trainings stand behind each number."""
    return f"seeds: {count}" + ("; mean ± sample standard deviation" if count > 1 else "")


def notes(cells, published, data_note):
    """Lines under a table: metric in full, what was scored, ceiling, seeds."""
    found = next(iter(cells.values()))
    scores = found[0].scores
    lines = [data_note] if data_note else []
    lines.append("mAP: COCO mask AP at IoU 0.50 (AP50) with at most 100 detections an image")
    limit = f"; with 100 detections an image no model can exceed {scores['ceiling_report'] or 0:.4f}"
    lines += [scored_on(scores, limit), seeds_line(len(found))]
    if published is not None:
        lines.append("published: printed in the report (December 2021), not measured here")
    return lines


def full_notes(cells, data_note):
    """Lines under the table of the other scores."""
    found = next(iter(cells.values()))
    lines = [data_note] if data_note else []
    lines.append("COCO mask AP over IoU 0.50:0.05:0.95, at IoU 0.50 (AP50) and at IoU 0.75 (AP75)")
    lines.append("@100, @1000: at most so many detections an image; the report's metric is AP50 @100 alone")
    return [*lines, scored_on(found[0].scores), seeds_line(len(found))]
