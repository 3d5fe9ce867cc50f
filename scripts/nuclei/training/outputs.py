"""The outputs of a finished training: how they get from the work folder to the cell's folder in results/.

They are what the present config would make, had it been the only one: no epoch after its last one, scores of the epochs
that it validates and of no other, and of the weights in the work folder those that it keeps.
"""

import csv
import io
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nuclei.common.files import read_json, write_text
from nuclei.scoring.names import NAMES
from nuclei.training.types import EpochRecord, EpochRow


@dataclass(frozen=True)
class Outputs:
    """Paths of what a finished training leaves.

    checkpoints: folder of the kept weights, epoch_N.pth. epochs: epochs.tsv, scores by epoch. log: log.jsonl.
    provenance: training.json.
    """

    checkpoints: Path
    epochs: Path
    log: Path
    provenance: Path


@dataclass(frozen=True)
class Trained:
    """A training that has all the epochs that its config asks for.

    work: folder that holds its weights and its log. records, rows: one for each of these epochs. validated: epochs that
    have scores, which are None where the validation images hold no nucleus. kept: epochs whose weights are to be put in
    place, and are there. seconds: wall time of the epochs and their validations.
    """

    work: Path
    records: list[EpochRecord]
    rows: list[EpochRow]
    validated: set[int]
    kept: set[int]
    seconds: float


def log_rows(path: Path, epochs: int) -> Iterator[dict[str, Any]]:
    """The rows of a log.jsonl up to an epoch; half a line, left by a kill, ends them."""
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except ValueError:
            return
        if row["epoch"] <= epochs:
            yield row


def log_text(rows: list[dict[str, Any]]) -> str:
    """Rows as the content of log.jsonl."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def published_log(trained: Trained) -> str:
    """Content of log.jsonl: the rows of the training, and after those of an epoch its validation scores."""
    rows = list(log_rows(trained.work / "log.jsonl", len(trained.rows)))
    rows += [{"mode": "val", **row} for row in trained.rows if row["epoch"] in trained.validated]
    return log_text(sorted(rows, key=lambda row: row["epoch"]))  # sorted() keeps the order within an epoch


def published_table(trained: Trained) -> str:
    """Content of epochs.tsv."""
    table = io.StringIO()
    writer = csv.DictWriter(table, ["epoch", *NAMES, "kept"], delimiter="\t", lineterminator="\n")
    writer.writeheader()
    for row in trained.rows:
        writer.writerow({**row, "kept": int(row["epoch"] in trained.kept)})
    return table.getvalue()


def put_in_place(trained: Trained, outputs: Outputs) -> None:
    """Put all outputs but the provenance in place: kept weights as hard links, table and log as copies.

    The folder of weights is filled under a hidden name and then renamed, so that it is never half full.
    """
    out = outputs.checkpoints
    beside = out.with_name(f".{out.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    for epoch in trained.kept:
        path = trained.work / f"epoch_{epoch}.pth"
        try:
            os.link(path, beside / path.name)
        except OSError:  # another file system
            shutil.copy2(path, beside / path.name)
    shutil.rmtree(out, ignore_errors=True)
    beside.rename(out)
    write_text(outputs.epochs, published_table(trained))
    write_text(outputs.log, published_log(trained))


def are_in_place(trained: Trained, work: str, config_sha256: str, outputs: Outputs) -> bool:
    """Whether another process put the outputs of this training in place while this one waited for the work folder.

    work: name of the training's work folder. config_sha256: of its config.py, which may be another one for the same
    training, as where the data were moved.
    """
    if not all(path.exists() for path in (outputs.checkpoints, outputs.epochs, outputs.log, outputs.provenance)):
        return False
    record = read_json(outputs.provenance)
    found = [record.get(key) for key in ("work", "epochs", "config_sha256")]
    texts = [outputs.epochs.read_text(), outputs.log.read_text()]
    return found == [work, len(trained.rows), config_sha256] and texts == [
        published_table(trained),
        published_log(trained),
    ]
