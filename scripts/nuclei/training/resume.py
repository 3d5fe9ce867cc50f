"""How resume works: which saved state a training goes on from.

After each epoch, nuclei.training.hooks.EpochEnd first writes the weights of that epoch, epoch_N.pth. It then renames
last.pth, the state after the epoch before, to previous.pth, and writes the new state as last.pth. A state holds the
weights, the optimizer, the loss scaler of fp16 and a record of each epoch so far. Only then the epoch is validated
(nuclei.training.validation). Every file is written under a temporary name and renamed, so a process that is killed at
any moment loses the epoch under way, or the validation under way, and nothing else.

A training that starts looks for a state here (newest_state). It takes last.pth if that file is whole, or else
previous.pth, or else it starts from the beginning. Random numbers need not be saved: they are seeded again from the
seed and the epoch's number before each epoch (nuclei.training.hooks.EpochSeed). A training that was stopped and resumed
therefore gives on a CPU the same bytes as one that was never stopped. On a GPU sums are added in an order that differs
from run to run.

nuclei.training.work_folder says in which folder the state lies, and why a training with another config never goes on
from it; nuclei.training.loop what happens where more epochs are trained already than the config asks for.
"""

import contextlib
import os
import pickle
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuclei.common.files import sha256
from nuclei.models.checkpoints import epoch_of, intact, read_tensors, write_tensors
from nuclei.training.types import EpochRecord, SavedMeta

if TYPE_CHECKING:
    from mmcv import Config

LAST, PREVIOUS = "last.pth", "previous.pth"


def epochs_wanted(config: "Config", records: Sequence[EpochRecord]) -> int | None:
    """Epochs of a whole training; None for one by time, training.minutes, whose time is not used up.

    config: resolved mmdet Config. records: of its finished epochs.
    """
    if "minutes" not in config.runner:
        return int(config.runner.max_epochs)
    return len(records) if records and records[-1]["share"] >= 1 else None


def minutes_used(records: Iterable[EpochRecord]) -> float:
    """The time of these epochs that counts for training.minutes, in minutes."""
    return sum(record["seconds"] for record in records) / 60


def saved_meta(path: Path) -> SavedMeta | None:
    """The part `meta` of a state, or None where the file is damaged."""
    try:
        meta: SavedMeta = read_tensors(path)["meta"]
        return meta if isinstance(meta["epoch"], int) and len(meta["nuclei"]["epochs"]) == meta["epoch"] else None
    except (ValueError, LookupError, TypeError, pickle.UnpicklingError):
        return None


def newest_state(work: Path, label: str) -> SavedMeta | None:
    """Find the newest state that a training can go on from, and put it in place as last.pth.

    work: the training's work folder; call only while holding its lock. label: name of the cell in the lines on stderr.
    Returns the part `meta` of the state, or None where the training starts from the beginning.

    Damaged files, and half-written ones that a kill left, are removed. If the weights of an epoch are damaged, only a
    state from before that epoch is used, because a training that went on from a later state would not make these
    weights again.
    """
    for path in [*work.glob(".*.pth"), *work.glob("validation/.*")]:
        path.unlink()
    damaged = sorted(path for path in work.glob("*.pth") if not intact(path))
    for path in damaged:
        print(f"{label}: {path} is damaged and removed", file=sys.stderr, flush=True)
        path.unlink()
    lost = min((epoch_of(path) for path in damaged if path.name.startswith("epoch_")), default=float("inf"))
    for path in (work / LAST, work / PREVIOUS):
        if path.exists():
            meta = saved_meta(path)
            if meta and meta["epoch"] < lost:
                os.replace(path, work / LAST)
                return meta
            if not meta:  # check sums that fit, but no state
                print(f"{label}: {path} is damaged and removed", file=sys.stderr, flush=True)
                damaged.append(path)
            path.unlink()
    if damaged:
        print(f"{label}: no state is left to go on from: starts anew", file=sys.stderr, flush=True)
    return None


def weights_of(epoch: int, state_dict: Any, classes: Sequence[str]) -> dict[str, Any]:
    """Content of epoch_N.pth. It holds no time stamps and no names that change, so equal trainings give equal bytes."""
    return {"meta": {"epoch": epoch, "CLASSES": tuple(classes)}, "state_dict": state_dict}


def states(work: Path) -> Iterator[dict[str, Any]]:
    """The saved states of a training, the newest first, as far as they can be read; tensors are read at their use."""
    import torch

    for path in (work / LAST, work / PREVIOUS):
        state = None
        with contextlib.suppress(Exception):  # of many kinds, which torch raises at damaged files
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        if isinstance(state, dict):
            yield state


def restore_weights(work: Path, epoch: int, classes: Sequence[str]) -> None:
    """Write epoch_N.pth anew from a state after that epoch, where the file is gone and there is such a state."""
    target = work / f"epoch_{epoch}.pth"
    for state in states(work):
        if state["meta"]["epoch"] == epoch and not target.exists():
            write_tensors(target, weights_of(epoch, state["state_dict"], classes))


def saved_epochs(work: Path) -> set[int]:
    """The epochs after which there are states, so that restore_weights can write their weights."""
    return {state["meta"]["epoch"] for state in states(work)}


def weights_there(work: Path, records: Sequence[EpochRecord], epochs: Iterable[int]) -> set[int]:
    """Those of the epochs whose epoch_N.pth is there and is of this training.

    records: of the training's epochs, from the first on.
    """
    files = {epoch: work / f"epoch_{epoch}.pth" for epoch in epochs}
    return {epoch for epoch, file in files.items() if file.is_file() and sha256(file) == records[epoch - 1]["weights"]}


def finished_epochs(work: Path) -> list[EpochRecord]:
    """Records of the epochs that a training would go on from; nothing is changed or removed here."""
    state: Any = next(states(work), None)
    records: list[EpochRecord] = state["meta"]["nuclei"]["epochs"] if state else []
    return records
