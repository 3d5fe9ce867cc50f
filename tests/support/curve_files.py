"""Files of a cell that training curves are drawn from."""

import json

HEAD = "epoch\tap_100\tap50_100\tap75_100\tap_1000\tap50_1000\tap75_1000\tkept\n"


def make_cell(run, model, scores, chosen):
    """Write epochs.tsv, log.jsonl and checkpoint.json of a cell; scores: [(epoch, AP50)]. Returns its folder."""
    folder = run / "cells/setting1" / model / "seed0"
    folder.mkdir(parents=True)
    rows = [f"{epoch}\t0.1\t{value}\t0.1\t0.1\t0.1\t0.1\t1\n" for epoch, value in scores]
    (folder / "epochs.tsv").write_text(HEAD + "".join(rows))
    log = [{"mode": "train", "epoch": e, "iter": i, "loss": 3 / (e + i / 20)} for e in (1, 2, 3) for i in (10, 20)]
    log.append({"mode": "val", "epoch": 3})
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))
    (folder / "checkpoint.json").write_text(json.dumps({"epoch": chosen}))
    return folder
