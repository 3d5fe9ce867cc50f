"""Tables 1 and 2 as published, with new scores of the predictions that the author published."""

from collections.abc import Mapping
from typing import cast

from nuclei.coco.types import Content
from nuclei.models.catalogue import model_columns
from nuclei.report.table_files import TableRow, signed
from nuclei.report.titles import long_title
from nuclei.scoring.names import NAMES
from nuclei.scoring.published_row import PublishedRow
from nuclei.scoring.types import Scores
from nuclei.workflow.types import ModelEntry

NO_FILE = "no file published"


# Shown beside the report's metric: AP at each cap.
SHOWN = tuple(name for name in NAMES if name.startswith("ap_"))


def table_rows(
    table: int,
    entries: Mapping[str, ModelEntry],
    published: Mapping[tuple[int, str], PublishedRow],
    scores: Mapping[str, Scores],
) -> tuple[list[TableRow], list[TableRow]]:
    """(rows as shown, rows for the CSV) of one table.

    table: 1 or 2. entries: of models.yaml. published: {(table, model): row}, in the order of the rows. scores:
    {submission: scores}; none of them is None, since score_published.py wants true nuclei.
    """
    shown: list[TableRow] = []
    values: list[TableRow] = []
    for (number, model), known in published.items():
        if number != table:
            continue
        row: TableRow = {
            **model_columns(entries[model]),
            "published epoch": known["epoch"],
            "published mAP": known["map"],
        }
        submission = known["submission"]
        found = None if submission is None else scores.get(submission)
        if found:
            measured = cast(float, found["map_report"])  # not None, see above
            difference = measured - float(known["map"])
            new: TableRow = {"re-scored mAP": measured, "difference": difference}
            new |= {long_title(name): found[name] for name in SHOWN}
            new["file"] = f"answer_{submission}.zip"
            shown.append({**row, **new, "difference": signed(difference)})
        else:
            new = dict.fromkeys(["re-scored mAP", "difference", *map(long_title, SHOWN)])
            new["file"] = NO_FILE if submission is None else f"answer_{submission}.zip not in the folder"
            shown.append({**row, **new})
        values.append({**row, **new})
    return shown, values


def notes(truth: Content, scores: Mapping[str, Scores], published: Mapping[tuple[int, str], PublishedRow]) -> list[str]:
    """Lines under both tables. truth: COCO ground truth of the test images; the others as for table_rows."""
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
