"""Loading the weights that a cell of this project trained."""

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

from nuclei.common.stage import InputError
from nuclei.models.checkpoints import intact, read_tensors

if TYPE_CHECKING:
    from torch import nn


def load_weights(model: "nn.Module", path: Path | str) -> None:
    """Load a checkpoint of this project into a model, in place; every layer must fit.

    Nothing but tensors is unpickled, because any other Python object in the file could run code. InputError where the
    file is damaged, holds other objects, or does not fit the model.
    """
    damage = (
        f"{path}: damaged or no checkpoint, wanted the cell's weights; remove the folder checkpoints beside it "
        "and run again, which trains what is lost"
    )
    if not intact(path):
        raise InputError(damage)
    try:
        state = read_tensors(path)["state_dict"]
    except (ValueError, KeyError):
        raise InputError(damage) from None
    except pickle.UnpicklingError:
        raise InputError(
            f"{path}: holds Python objects, which can run code, wanted tensors alone; if you trust its source, name "
            "it by its SHA-256 and pass it through scripts/fetch_weights.py"
        ) from None
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        first = str(error).split("\n")[1].strip() if "\n" in str(error) else str(error)
        raise InputError(f"{path}: does not fit the cell's config.py ({first[:160]}); train the cell again") from None
