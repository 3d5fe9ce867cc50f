"""Rows of the ensembles' table. An ensemble is several cells of one setting whose predictions were fused."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from nuclei.common.stage import InputError
from nuclei.report.cells import read_part
from nuclei.report.rows import spread
from nuclei.report.table_files import NOT_SCORED, TableRow
from nuclei.report.titles import column
from nuclei.scoring.names import NAMES
from nuclei.scoring.types import Scores


@dataclass(frozen=True)
class Ensemble:
    """An ensemble in one setting.

    members: its cells, as "model/seed0". epochs: the chosen epoch of each, as text. scores: content of its scores.json.
    files: the path of that file, under "scores".
    """

    setting: int
    name: str
    members: list[str]
    epochs: list[str]
    scores: Scores
    files: dict[str, Path]


def read_ensembles(
    settings: Sequence[int], ensembles: dict[str, list[str]], scores: Sequence[str], choices: Sequence[str]
) -> list[Ensemble]:
    """The ensembles of all settings, setting by setting.

    ensembles: {name: members}. scores: the scores.json of each ensemble, by setting and then ensemble. choices: the
    checkpoint.json of each member, by setting, then ensemble, then member.
    Raises InputError where there are more or fewer files than these.
    """
    count = len(settings) * len(ensembles)
    trainings = len(settings) * sum(map(len, ensembles.values()))
    problems = [
        f"{option}: {len(given)} files found, wanted {wanted}: one for each {what}, in their order"
        for option, given, wanted, what in (
            ("--scores", scores, count, "setting and ensemble"),
            ("--choices", choices, trainings, "setting, ensemble and member"),
        )
        if len(given) != wanted
    ]
    if problems:
        raise InputError(*problems)
    left_scores, left_choices, found = iter(scores), iter(choices), []
    for setting in settings:
        for name, members in ensembles.items():
            epochs = [str(read_part(next(left_choices), "choice")["epoch"]) for _ in members]
            path = Path(next(left_scores))
            own = cast(Scores, read_part(path, "scores"))
            found.append(Ensemble(setting, name, members, epochs, own, {"scores": path}))
    return found


def rows(ensembles: Sequence[Ensemble]) -> tuple[list[TableRow], list[TableRow]]:
    """(rows as shown, rows for the CSV): the report's mAP, which is AP50 @100, then AP, AP50 and AP75 at both caps."""
    shown: list[TableRow] = []
    values: list[TableRow] = []
    for one in ensembles:
        row: TableRow = {
            "ensemble": one.name,
            "setting": str(one.setting),
            "members": ", ".join(one.members),
            "epochs": ", ".join(one.epochs),
        }
        scores = {"mAP": one.scores["map_report"], **{column(name): one.scores[name] for name in NAMES}}
        shown.append(row | {key: spread(score, None, 1) for key, score in scores.items()})
        values.append(row | {key: NOT_SCORED if score is None else score for key, score in scores.items()})
    return shown, values
