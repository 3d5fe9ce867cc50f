"""The outputs of a finished training, put in place."""

import csv
import io
import os
import shutil
from pathlib import Path

from nuclei.common.files import read_json, write_text
from nuclei.models.checkpoints import epoch_of


def publish(work, rows, args):
    """Put the finished training's outputs in place: kept weights as hard links, tables and log as copies."""
    out = Path(args.out_checkpoints)
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
    write_text(args.out_epochs, table.getvalue())
    write_text(args.out_log, (work / "log.jsonl").read_text())


def published(work, epochs, args):
    """Whether another process put this training's outputs in place, for which this one waited; see lock()."""
    outputs = [Path(path) for path in (args.out_checkpoints, args.out_epochs, args.out_log, args.out_provenance)]
    if not all(path.exists() for path in outputs):
        return False
    record = read_json(args.out_provenance)
    return (record.get("work"), record.get("epochs")) == (work.name, epochs)
