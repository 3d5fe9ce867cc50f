"""The numbers that the report printed, and new scores of the predictions that its author published."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from nuclei.coco.checks import check_predictions
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError
from nuclei.prediction.answers import read_answer
from nuclei.scoring.average_precision import score
from nuclei.scoring.published_row import PublishedRow
from nuclei.scoring.types import Scores


def read_published(path: Path | str) -> dict[tuple[int, str], PublishedRow]:
    """The numbers that the report printed, from published.tsv: {(table, model): row}, in the file's order.

    Raises InputError where the file cannot be read, has other columns, or holds text where a number is wanted.
    """
    wanted = ["table", "model", "epoch", "map", "submission"]
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        if list(table.columns) != wanted:
            raise ValueError(f"columns {', '.join(table.columns)}")
        rows: dict[tuple[int, str], PublishedRow] = {}
        for row in table.to_dict("records"):
            float(row["map"])  # a text that is no number is told here
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


def score_file(path: Path, truth: dict[str, Any]) -> tuple[Scores | None, list[str]]:
    """Scores of one answer_*.zip against the COCO ground truth `truth`, and the problem lines of the file.

    One of the two is empty. Bad files raise no exception here, so that all of them can be named together.
    """
    try:
        rows = read_answer(path)
        check_predictions(rows, truth, str(path))
        return score(truth, rows), []
    except InputError as error:
        return None, error.problems


def score_files(files: dict[str, Path], truth: dict[str, Any], threads: int = 1) -> dict[str, Scores]:
    """Scores of published submissions: {submission: scores}.

    files: {submission: its answer_*.zip}. truth: COCO ground truth of the test images. threads: processes.
    Raises InputError with all problems of all files.
    """
    scores: dict[str, Scores] = {}
    problems: list[str] = []
    progress = Progress("submissions", len(files), "files", every=3)
    with ProcessPoolExecutor(threads) as pool:
        for name, (found, wrong) in zip(files, pool.map(partial(score_file, truth=truth), files.values()), strict=True):
            if found is None:
                problems += wrong
            else:
                scores[name] = found
            progress.step()
    progress.close()
    if problems:
        raise InputError(*problems)
    return scores
