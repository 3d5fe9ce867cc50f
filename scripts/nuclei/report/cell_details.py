"""What the page shows of one cell: its curves, its chosen epoch, its scores, its config, where it comes from."""

import csv
import json
from pathlib import Path
from typing import Any

from nuclei.common.files import read_json
from nuclei.common.stage import written_by

MOST_ROWS = 400  # of a log, so that a long training does not fill the page; a picture of it has fewer px


def numbers(text: str) -> float | None:
    """A number of a table, None for an empty text."""
    return float(text) if text else None


def read_epochs(path: Path) -> dict[str, list[float | None]]:
    """Columns of an epochs.tsv."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {key: [numbers(row[key]) for row in rows] for key in (rows[0] if rows else {})}


def read_log(path: Path) -> dict[str, list[float]]:
    """Columns `epoch` (a part of an epoch as fraction), `loss` and `lr` of a log.jsonl, thinned to MOST_ROWS rows."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    rows = [row for row in rows if row.get("mode") == "train" and "loss" in row]
    last: dict[int, int] = {}
    for row in rows:
        last[row["epoch"]] = max(last.get(row["epoch"], 1), row["iter"])
    kept = rows[:: -(-len(rows) // MOST_ROWS) or 1]
    return {
        "epoch": [round(row["epoch"] - 1 + row["iter"] / last[row["epoch"]], 3) for row in kept],
        "loss": [round(row["loss"], 5) for row in kept],
        "lr": [row.get("lr", 0) for row in kept],
    }


def cell_details(paths: dict[str, Path]) -> dict[str, Any]:
    """Everything of one cell. paths: of its config, training, choice, epochs, log and score.

    Raises InputError for a file of other content.
    """
    found: dict[str, Any] = {"config": paths["config"].read_text(encoding="utf-8", errors="replace")}
    for name, script in (
        ("training", "train.py"),
        ("choice", "select_checkpoint.py"),
        ("score", "score_predictions.py"),
    ):
        with written_by(script, paths[name]):
            content = read_json(paths[name], f"what {script} writes")
            found[name] = {key: value for key, value in content.items() if key != "per_image"}
    for name, read in (("epochs", read_epochs), ("log", read_log)):
        with written_by("train.py", paths[name]):
            found[name] = read(paths[name])
    return found
