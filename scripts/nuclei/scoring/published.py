"""The report's published numbers and submissions, and the scores of the submissions."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pandas as pd

from nuclei.coco.checks import check_predictions
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError
from nuclei.prediction.answers import read_answer
from nuclei.scoring.average_precision import score


def read_published(path):
    """Published numbers: {(table, model): row} with epoch (int), map (str as printed), submission (str or None)."""
    wanted = ["table", "model", "epoch", "map", "submission"]
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        if list(table.columns) != wanted:
            raise ValueError(f"columns {', '.join(table.columns)}")
        rows = {}
        for row in table.to_dict("records"):
            float(row["map"])
            rows[int(row["table"]), row["model"]] = {
                "epoch": int(row["epoch"]),
                "map": row["map"],
                "submission": row["submission"] or None,
            }
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), wanted published.tsv; check the path") from None
    except ValueError as error:
        found = " ".join(str(error).split())[:80]
        raise InputError(
            f"{path}: {found} found, wanted columns {', '.join(wanted)} with numbers; correct it"
        ) from None
    return rows


def score_file(path, truth):
    """(scores, problem lines) of one answer_*.zip; no exception, so that the bad files are named together."""
    try:
        rows = read_answer(path)
        check_predictions(rows, truth, str(path))
        return score(truth, rows), []
    except InputError as error:
        return None, error.problems


def score_files(files, truth, threads=1):
    """{submission: scores} of {submission: answer_*.zip}; InputError names what is wrong with any of them."""
    scores, problems = {}, []
    progress = Progress("submissions", len(files), "files", every=3)
    with ProcessPoolExecutor(threads) as pool:
        for name, (found, wrong) in zip(files, pool.map(partial(score_file, truth=truth), files.values()), strict=True):
            scores[name] = found
            problems += wrong
            progress.step()
    progress.close()
    if problems:
        raise InputError(*problems)
    return scores
