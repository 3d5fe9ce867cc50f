"""Reading what a run left of its cells: their scores, their chosen checkpoints and their provenance.

A cell is one training: one model in one setting under one seed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from nuclei.common.files import read_json
from nuclei.common.stage import InputError
from nuclei.scoring.names import NAMES
from nuclei.scoring.types import Scores

if TYPE_CHECKING:  # no import at run time, so that a change in the training code runs no table again
    from nuclei.training.choice import SavedChoice
    from nuclei.training.types import Provenance

Part = Literal["scores", "choice", "training"]
Setting = TypeVar("Setting", int, str)  # 1 or 2; as text where folds are settings, too


# For each part of a cell: the option that names its files, the keys that must be in a file, the stage that writes it.
PARTS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "scores": ("--scores", ("scored", "images", "nuclei", "map_report", "ceiling_report", *NAMES), "score_predictions"),
    "choice": ("--choices", ("epoch", "policy", "metric", "value", "sha256"), "select_checkpoint"),
    "training": ("--trainings", ("config_sha256", "data_sha256", "code_version", "device"), "train"),
}


# The value of a part that was not read. Its type is Any, so that code that asked for a part need not test it for None.
NOT_READ: Any = None


@dataclass(frozen=True)
class Cell:
    """What was read of one cell.

    files: the path of each part that was asked for. scores, choice, training: content of its scores.json,
    checkpoint.json and training.json; None for a part that was not asked for.
    """

    files: dict[str, Path]
    scores: Scores = NOT_READ
    choice: "SavedChoice" = NOT_READ
    training: "Provenance" = NOT_READ


class Scored(Protocol):
    """Anything that was scored: a cell or an ensemble. files: holds the path of the scores under "scores"."""

    @property
    def scores(self) -> Scores:
        """Content of scores.json."""

    @property
    def files(self) -> dict[str, Path]:
        """Paths of the files that were read."""


def read_part(path: str | Path, part: str) -> dict[str, Any]:
    """Content of a file that holds one part of a cell; InputError where it is missing, damaged or lacks a key.

    part: a key of PARTS.
    """
    _, keys, script = PARTS[part]
    content: dict[str, Any] = read_json(path, f"what {script}.py writes")
    lacking = [key for key in keys if not isinstance(content, dict) or key not in content]
    if lacking:
        raise InputError(f"{path}: lacks {', '.join(lacking)}; run {script}.py again")
    return content


def by_cell(
    models: Sequence[str], seeds: Sequence[int], paths: Sequence[str], option: str
) -> dict[tuple[str, int], Path]:
    """{(model, seed): path} of the files of one setting, which are given model by model and then seed by seed.

    option: the command line's option that named them, for the error. Raises InputError where there are more or fewer
    files than cells.
    """
    wanted = len(models) * len(seeds)
    if len(paths) != wanted:
        raise InputError(
            f"{option}: {len(paths)} files found, wanted {wanted}: one for each of the models and seeds, in their order"
        )
    keys = [(model, seed) for model in models for seed in seeds]
    return dict(zip(keys, map(Path, paths), strict=True))


def by_setting(
    settings: Sequence[Setting], models: Sequence[str], seeds: Sequence[int], paths: Sequence[str], option: str
) -> dict[Setting, Sequence[str]]:
    """{setting: its files, in the order of by_cell} of the files of all cells, given setting by setting.

    option: what named them on the command line, for the InputError where there are more or fewer files than cells.
    """
    share = len(models) * len(seeds)
    if len(paths) != share * len(settings):
        raise InputError(
            f"{option}: {len(paths)} files found, wanted {share * len(settings)}: one for each of the settings, models "
            "and seeds, in their order"
        )
    return {setting: paths[at * share : (at + 1) * share] for at, setting in enumerate(settings)}


def read_cells(models: Sequence[str], seeds: Sequence[int], **files: Sequence[str]) -> dict[str, list[Cell]]:
    """Read the cells of a setting: {model: [cell of each seed]}, in the given order.

    files: for each wanted part (scores, choice, training) its files, in the order that by_cell takes.
    Raises InputError naming every file that is missing or lacks a key, or a cell that was scored on other images than
    the first one.
    """
    cells: dict[str, list[Cell]] = {model: [] for model in models}
    paths: dict[str, dict[tuple[str, int], Path]] = {}
    problems: list[str] = []
    for part, given in files.items():
        try:
            paths[part] = by_cell(models, seeds, given, PARTS[part][0])
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    for model in models:
        for seed in seeds:
            own = {part: found[model, seed] for part, found in paths.items()}
            contents: dict[str, Any] = {}
            for part, path in own.items():
                try:
                    contents[part] = read_part(path, part)
                except InputError as error:
                    problems += error.problems
            cells[model].append(Cell(own, **contents))
    if problems:
        raise InputError(*problems)
    everyone = [cell for found in cells.values() for cell in found]
    if "scores" in files:
        check_same_images(everyone)
    if "training" in files:
        check_same_data(everyone)
    return cells


def check_same_data(cells: Iterable[Cell]) -> None:
    """Raise InputError unless all cells of a setting were trained on the same images and annotations, by content."""
    first = None
    for cell in cells:
        found, path = cell.training["data_sha256"], cell.files["training"]
        first = first or (found, path)
        if found != first[0]:
            raise InputError(
                f"{path}: data_sha256 is {str(found)[:16]}, wanted {str(first[0])[:16]} as in {first[1]}; both belong "
                "to one setting, so run the pipeline again, which trains again what was trained on other data"
            )


def check_same_images(cells: Iterable[Scored]) -> None:
    """Raise InputError unless all cells were scored on equally many images and nuclei.

    The notes below a table say these numbers once for all of its rows.
    """
    first: tuple[tuple[int, ...], Path] | None = None
    for cell in cells:
        found = tuple(cell.scores[key] for key in ("scored", "images", "nuclei"))
        first = first or (found, cell.files["scores"])
        if found != first[0]:
            raise InputError(
                f"{cell.files['scores']}: scored, images, nuclei are {found}, wanted {first[0]} as in {first[1]}; "
                "score both against the same test masks"
            )
