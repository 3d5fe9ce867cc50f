"""The outputs of a finished training: how they get from the work folder to the cell's folder in results/."""

import csv
import io
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nuclei.common.files import read_json, write_text
from nuclei.models.checkpoints import epoch_of
from nuclei.training.types import EpochRow


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


def put_in_place(work: Path, rows: Sequence[EpochRow], outputs: Outputs) -> None:
    """Put all outputs but the provenance in place: kept weights as hard links, table and log as copies.

    work: the work folder of the finished training. rows: its score table, one row for each epoch.
    The folder of weights is filled under a hidden name and then renamed, so that it is never half full.
    """
    out = outputs.checkpoints
    beside = out.with_name(f".{out.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    for path in work.glob("epoch_*.pth"):
        try:
            os.link(path, beside / path.name)
        except OSError:  # another file system
            shutil.copy2(path, beside / path.name)
    kept = {epoch_of(path) for path in beside.iterdir()}
    shutil.rmtree(out, ignore_errors=True)
    beside.rename(out)
    table = io.StringIO()
    writer = csv.DictWriter(table, [*rows[0], "kept"], delimiter="\t", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({**row, "kept": int(row["epoch"] in kept)})
    write_text(outputs.epochs, table.getvalue())
    write_text(outputs.log, (work / "log.jsonl").read_text())


def are_in_place(work: Path, epochs: int, config_sha256: str, outputs: Outputs) -> bool:
    """Whether another process put the outputs of this training in place while this one waited for the work folder.

    work: the work folder. epochs: how many epochs this training has. config_sha256: of its config.py, which may be
    another one for the same training, as where the data were moved.
    """
    if not all(path.exists() for path in (outputs.checkpoints, outputs.epochs, outputs.log, outputs.provenance)):
        return False
    record = read_json(outputs.provenance)
    found = [record.get(key) for key in ("work", "epochs", "config_sha256")]
    return found == [work.name, epochs, config_sha256]
