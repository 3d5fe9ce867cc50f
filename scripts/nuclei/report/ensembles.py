"""Rows of the ensembles' table."""

from pathlib import Path

from nuclei.report.cells import read_part
from nuclei.report.rows import spread
from nuclei.report.table_files import NOT_SCORED
from nuclei.report.titles import column
from nuclei.scoring.names import NAMES


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
