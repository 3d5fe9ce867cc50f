"""The first places of the competition's board: config/board.tsv.

The scores are those of figure 14 of report.pdf in the public repository Jia-Wei-Liao/Nuclei_Dataset_Segmentation; the
names of places 6 to 10 are left out, of which the last one is the report's author. The board had 84 teams.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from nuclei.common.stage import InputError

NUCLEI = 2360  # of the competition's six test images: other test sets have no place on its board


def read_board(path: Path | str) -> list[float]:
    """Scores of the board's first places, the first one first. InputError where the file is another one."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return [float(row["score"]) for row in csv.DictReader(file, delimiter="\t")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}), wanted board.tsv with a column score; correct it"
        ) from None


def place(scores: Sequence[float], board: Sequence[float]) -> str:
    """The place that scores would have on the board: of one seed, or from the best to the worst of several.

    The board has five digits, so scores are rounded to as many; with equal ones they share the place.

    >>> place([0.2451], [0.24525, 0.24518]), place([0.3, 0.1], [0.24525, 0.24518])
    ('after 2', '1 to after 2')
    """
    places = sorted(1 + sum(one > round(score, 5) for one in board) for score in scores)
    names = [str(number) if number <= len(board) else f"after {len(board)}" for number in (places[0], places[-1])]
    return " to ".join(dict.fromkeys(names))
