"""The ensembles' table: the cells that were fused, their chosen epochs, and the ensembles' scores in both settings."""

import argparse
import json
from pathlib import Path

from make_table import column, scored_on, spread

from nuclei.common.stage import run_stage
from nuclei.report.cells import check_same_images, read_part
from nuclei.report.table_files import NOT_SCORED, write_table
from nuclei.scoring.average_precision import NAMES


def read_ensemble(run, setting, name, members):
    """{"folder", "scores", "setting", "name", "members", "epochs": of each member's checkpoint} of one ensemble."""
    cells = Path(run) / "cells" / f"setting{setting}"
    epochs = [str(read_part(cells / member, "choice")["epoch"]) for member in members]
    folder = Path(run) / "ensembles" / f"setting{setting}" / name
    scores = read_part(folder, "scores")
    return dict(folder=folder, scores=scores, setting=setting, name=name, members=members, epochs=epochs)


def rows(ensembles):
    """(rows as shown, rows for the CSV): the report's mAP, then AP, AP50 and AP75 at both caps; mAP is AP50 @100."""
    shown, values = [], []
    for one in ensembles:
        row = {
            "ensemble": one["name"],
            "setting": str(one["setting"]),
            "members": ", ".join(one["members"]),
            "epochs": ", ".join(one["epochs"]),
        }
        scores = {"mAP": one["scores"]["map_report"], **{column(name): one["scores"][name] for name in NAMES}}
        shown.append(row | {key: spread(score, None, 1) for key, score in scores.items()})
        values.append(row | {key: NOT_SCORED if score is None else score for key, score in scores.items()})
    return shown, values


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-dir", required=True, help="results/<run>")
    parser.add_argument("--settings", nargs="+", type=int, choices=[1, 2], required=True)
    parser.add_argument("--ensembles", type=json.loads, required=True, help='JSON: {"name": ["model/seed0", …], …}')
    parser.add_argument("--data-note", default="", help="first line under the table")
    parser.add_argument("--out-dir", required=True)
    args = parser.parse_args()
    found = [read_ensemble(args.run_dir, n, *item) for n in args.settings for item in args.ensembles.items()]
    check_same_images(found)
    shown, values = rows(found)
    notes = [args.data_note] if args.data_note else []
    notes += ["predictions of the members, fused: mean score, mean mask of what they agree on (mask IoU 0.5)"]
    notes += ["mAP: AP50 @100, the report's metric", scored_on(found[0]["scores"])]
    write_table(shown, f"{args.out_dir}/ensembles", "Ensembles", notes, values)


if __name__ == "__main__":
    run_stage(main)
