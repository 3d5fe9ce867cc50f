"""Rows of the published submissions' tables, re-scored."""

from nuclei.models.catalogue import model_columns
from nuclei.report.table_files import signed
from nuclei.report.titles import long_title
from nuclei.scoring.names import CAPS

NO_FILE = "no file published"


def table_rows(table, entries, published, scores):
    """(rows as shown, rows for the CSV) of a table; scores: {submission: scores}."""
    shown, values = [], []
    for (number, model), known in published.items():
        if number != table:
            continue
        row = {**model_columns(entries[model]), "published epoch": known["epoch"], "published mAP": known["map"]}
        found = scores.get(known["submission"])
        if found:
            difference = found["map_report"] - float(known["map"])
            file = {"file": f"answer_{known['submission']}.zip"}
            new = {"re-scored mAP": found["map_report"], "difference": difference}
            new |= {long_title(f"ap_{cap}"): found[f"ap_{cap}"] for cap in CAPS}
            shown.append({**row, **new, "difference": signed(difference), **file})
        else:
            reason = NO_FILE if known["submission"] is None else f"answer_{known['submission']}.zip not in the folder"
            new, file = (
                dict.fromkeys(["re-scored mAP", "difference", *(long_title(f"ap_{cap}") for cap in CAPS)]),
                {"file": reason},
            )
            shown.append({**row, **new, **file})
        values.append({**row, **new, **file})
    return shown, values


def notes(truth, scores, published):
    """Lines under both tables."""
    limit = next(iter(scores.values()))["ceiling_report"]
    lines = [
        "published mAP: printed in the report; re-scored mAP: measured here on the author's published predictions",
        "mAP: COCO mask AP at IoU 0.50 (AP50) with at most 100 detections an image",
        f"{len(truth['images'])} test images, {len(truth['annotations'])} nuclei; with 100 detections an image no "
        f"model can exceed {limit:.4f}",
    ]
    named = {row["submission"] for row in published.values()}
    others = [f"answer_{name}.zip ({found['map_report']:.4f})" for name, found in scores.items() if name not in named]
    return [*lines, f"files of no row, with their re-scored mAP: {', '.join(others)}"] if others else lines
