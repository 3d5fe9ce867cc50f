"""The choice of a cell's checkpoint by a policy, from the score table and the kept weights.

Policies: best (highest validation score under a named metric, the earlier epoch at a tie), last, epoch (a given one).
"""

import csv
from pathlib import Path

from nuclei.common.stage import InputError
from nuclei.scoring.names import NAMES


def read_epochs(path):
    """Rows of epochs.tsv: epoch (int), scores (float or None), kept (bool)."""
    with Path(path).open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    try:
        return [
            {
                "epoch": int(row["epoch"]),
                "kept": row["kept"] == "1",
                # a training under other caps has no score under these
                **{metric: float(row[metric]) if row.get(metric) else None for metric in NAMES},
            }
            for row in rows
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path}: not a score table ({error!r}), wanted epoch, kept and scores; train again") from None


def choose(rows, policy, metric="ap50_100", epoch=None):
    """Choose an epoch among the kept ones.

    rows: see read_epochs. Returns {"epoch", "policy", "metric", "value", "reason"}.
    Raises InputError where the policy asks for an epoch that was not trained, not kept, or not scored.
    """
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
            "epoch": epoch,
            "policy": policy,
            "metric": metric,
            "value": found[0][metric],
            "reason": "given in config",
        }
    scored = [row for row in rows if row[metric] is not None]
    choice = [row for row in scored if row["kept"]]
    if not choice:
        raise InputError(
            f"selection.metric: no kept epoch has a score {metric}; "
            "set training.validate_every or selection.policy: last"
        )
    best = max(choice, key=lambda row: (row[metric], -row["epoch"]))
    top = max(scored, key=lambda row: (row[metric], -row["epoch"]))
    reason = f"highest {metric} on the validation images of {len(scored)} scored epochs"
    if top["epoch"] != best["epoch"]:
        reason = (
            f"highest {metric} on the validation images among the kept epochs ({names}); epoch {top['epoch']} scored "
            f"{top[metric]:.4f} but its weights were not kept (add {metric} to checkpoints.metrics before training)"
        )
    return {"epoch": best["epoch"], "policy": policy, "metric": metric, "value": best[metric], "reason": reason}
