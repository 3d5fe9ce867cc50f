"""How a cell's checkpoint is chosen, from the score table epochs.tsv of its training.

There are three policies:
  best    the epoch of highest validation score under a named metric; at a tie the earlier epoch
  last    the last epoch
  epoch   a given epoch
Only an epoch whose weights were kept can be chosen. Where a better epoch was not kept, the reason says so. The test
images have no part in the choice. In setting 2 the validation images are the training images.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from nuclei.common.stage import InputError
from nuclei.scoring.names import NAMES, ScoreName
from nuclei.training.choice import Choice, KeptEpochRow, Policy


def read_epochs(path: Path | str) -> list[KeptEpochRow]:
    """Rows of epochs.tsv, one for each epoch; InputError where the file is not such a table."""
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        return [
            cast(
                KeptEpochRow,
                {
                    "epoch": int(row["epoch"]),
                    "kept": row["kept"] == "1",
                    # a training under other caps has no score under these
                    **{metric: float(row[metric]) if row.get(metric) else None for metric in NAMES},
                },
            )
            for row in rows
        ]
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise InputError(f"{path}: not a score table ({error!r}), wanted epoch, kept and scores; train again") from None


def choose(
    rows: Sequence[KeptEpochRow], policy: Policy, metric: ScoreName = "ap50_100", epoch: int | None = None
) -> Choice:
    """Choose an epoch among the kept ones, as the module's docstring says.

    rows: of read_epochs. metric: the score that policy `best` goes by, and that every choice reports. epoch: the one
    that policy `epoch` takes.
    Raises InputError where the policy asks for an epoch that was not trained, not kept, or not scored.
    """

    def rank(row: KeptEpochRow) -> tuple[float, int]:
        value = row[metric]
        return float("-inf") if value is None else value, -row["epoch"]

    kept = [row for row in rows if row["kept"]]
    names = ", ".join(str(row["epoch"]) for row in kept) or "none"
    if not kept:
        raise InputError("epochs.tsv: no epoch's weights are kept, wanted at least one; train again")
    if policy == "last":
        row = rows[-1]
        reason = f"last of {len(rows)} epochs"
        if not row["kept"]:
            raise InputError(f"selection: last epoch {row['epoch']} is not kept, kept are {names}; train again")
        return {"epoch": row["epoch"], "policy": policy, "metric": metric, "value": row[metric], "reason": reason}
    if policy == "epoch":
        found = [row for row in kept if row["epoch"] == epoch]
        if not found:
            raise InputError(
                f"selection.epoch: weights of epoch {epoch} are not kept, wanted one of {names}; "
                "choose one of these or set checkpoints.every before training"
            )
        return {
            "epoch": found[0]["epoch"],
            "policy": policy,
            "metric": metric,
            "value": found[0][metric],
            "reason": "given in config",
        }
    scored = [row for row in rows if row[metric] is not None]
    choice = [row for row in scored if row["kept"]]
    if not choice:
        raise InputError(
            f"selection.metric: no kept epoch has a score {metric}, wanted one at least; set training.validate_every, "
            "or selection.policy to last, as where the validation images hold no nucleus"
        )
    best, top = max(choice, key=rank), max(scored, key=rank)
    reason = f"highest {metric} on the validation images of {len(scored)} scored epochs"
    if top["epoch"] != best["epoch"]:
        reason = (
            f"highest {metric} on the validation images among the kept epochs ({names}); epoch {top['epoch']} scored "
            f"{top[metric]:.4f} but its weights were not kept (add {metric} to checkpoints.metrics before training)"
        )
    return {"epoch": best["epoch"], "policy": policy, "metric": metric, "value": best[metric], "reason": reason}
