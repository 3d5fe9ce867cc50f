"""The device that a stage computes on; GPUs are handed out to the jobs of one machine by locks."""

import fcntl
import os
import sys
import tempfile
import time
from pathlib import Path

from nuclei.stage import InputError


def claim(names, folder, label="gpu", pause=1.0, tell=60.0):
    """Wait until one of `names` is held by no other process, and hold it.

    folder: where the locks lie, the same for all processes. pause, tell: seconds between tries and between lines that
    say so. Returns (index of the name, handle); the lock is held while the handle is open, and freed on any exit.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    told = None
    while True:
        for index, name in enumerate(names):
            handle = (folder / f"{name}.lock").open("w")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return index, handle
            except OSError:
                handle.close()
        if told is None or time.monotonic() - told > tell:
            told = time.monotonic()
            print(f"{label}: all {len(names)} GPUs are held by other jobs: waiting", file=sys.stderr, flush=True)
        time.sleep(pause)


def find_device(name, label="gpu"):
    """(torch.device, what holds it) for auto (a GPU where there is one), cpu, cuda (the first free GPU) or cuda:N.

    The second value must be kept as long as the device is used. InputError where the device is not there.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"compute.device: {name!r} is no device, wanted auto, cpu, cuda or cuda:N") from None
    if device.type != "cuda":
        return device, None
    count = torch.cuda.device_count()
    if (device.index or 0) >= count:
        raise InputError(f"compute.device: {name} asked for, torch finds {count} GPUs; set it to auto or cpu")
    indices = range(count) if device.index is None else [device.index]
    # a GPU's own number, which does not depend on what CUDA_VISIBLE_DEVICES shows of them
    names = [str(torch.cuda.get_device_properties(index).uuid) for index in indices]
    folder = Path(tempfile.gettempdir()) / f"nuclei-gpus-{os.getuid()}"
    chosen, held = claim(names, folder, label)
    return torch.device("cuda", indices[chosen]), held
