"""Scores of the submissions to the competition that the report's author published.

They stand apart from the published numbers, so that Tables 1 and 2, which show those numbers, depend on no code that
computes scores.
"""

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from nuclei.coco.checks import check_predictions
from nuclei.coco.types import Content
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError
from nuclei.prediction.answers import read_answer
from nuclei.scoring.average_precision import score
from nuclei.scoring.types import Scores


def score_file(path: Path, truth: Content) -> tuple[Scores | None, list[str]]:
    """Scores of one answer_*.zip against the COCO ground truth `truth`, and the problem lines of the file.

    One of the two is empty. Bad files raise no exception here, so that all of them can be named together.
    """
    try:
        rows = read_answer(path)
        check_predictions(rows, truth, str(path))
        return score(truth, rows), []
    except InputError as error:
        return None, error.problems


def score_files(files: Mapping[str, Path], truth: Content, threads: int = 1) -> dict[str, Scores]:
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
