"""Shapes of the dictionaries that speak of a cell's chosen checkpoint: rows of epochs.tsv, and checkpoint.json.

They stand apart from nuclei.training.selection, so that an edit of the policies does not make the tables run again.
"""

from typing import Literal, TypedDict

from nuclei.scoring.names import ScoreName
from nuclei.training.types import EpochRow

Policy = Literal["best", "last", "epoch"]


class KeptEpochRow(EpochRow):
    """A row of epochs.tsv. kept: whether the weights of this epoch are on disk."""

    kept: bool


class Choice(TypedDict):
    """The chosen epoch of a cell. value: its validation score under `metric`. reason: a text for people."""

    epoch: int
    policy: Policy
    metric: ScoreName
    value: float | None
    reason: str


class SavedChoice(Choice):
    """Content of checkpoint.json. sha256: of the chosen checkpoint's file."""

    sha256: str
