"""Scores of the report's submissions to the competition.

Apart from the published numbers, which tables show beside their own: Tables 1 and 2 depend on no code that scores.
"""

from concurrent.futures import ProcessPoolExecutor
from functools import partial

from nuclei.coco.checks import check_predictions
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError
from nuclei.prediction.answers import read_answer
from nuclei.scoring.average_precision import score


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
