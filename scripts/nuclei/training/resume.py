"""The state that a broken-off training goes on from."""

import os
import sys

from nuclei.models.checkpoints import epoch_of, intact

LAST, PREVIOUS = "last.pth", "previous.pth"


def newest_state(work, label):
    """Meta of the newest state that a training can go on from, put in place as last.pth; None: it starts anew.

    Damaged files, and half-written ones that a kill left, are removed. A state is of no use if weights up to its epoch
    are damaged, since they would not be made again. Call only while holding the work folder's lock.
    """
    import torch

    for path in work.glob(".*.pth"):
        path.unlink()
    damaged = sorted(path for path in work.glob("*.pth") if not intact(path))
    for path in damaged:
        print(f"{label}: {path} is damaged and removed", file=sys.stderr, flush=True)
        path.unlink()
    lost = min((epoch_of(path) for path in damaged if path.name.startswith("epoch_")), default=float("inf"))
    for path in (work / LAST, work / PREVIOUS):
        if path.exists():
            meta = torch.load(path, map_location="cpu", weights_only=True)["meta"]
            if meta["epoch"] < lost:
                os.replace(path, work / LAST)
                return meta
            path.unlink()
    if damaged:
        print(f"{label}: no state is left to go on from: starts anew", file=sys.stderr, flush=True)
    return None
