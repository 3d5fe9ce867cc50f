"""Locks against every other process of this machine."""

import fcntl
import os
import sys
import time
from pathlib import Path


def claim(names, folder, label="", between=lambda: None, pause=1.0, say_every=300.0, busy=None):
    """Hold the first free of `names` against every other process of this machine; wait while none is free.

    folder: where the lock files lie, one a name. between(): called while waiting; may raise to stop. busy(): what to
    say while waiting, where the names are no GPUs.
    Returns (name, handle): it is held until the handle is closed or the process ends, however it ends.
    """
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    start = said = None
    while True:
        for name in names:
            handle = (Path(folder) / name).open("a")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.close()
                continue
            os.register_at_fork(after_in_child=handle.close)  # a loader's worker may outlive a killed training
            return name, handle
        now = time.monotonic()
        if said is None or now - said >= say_every:
            since = f", {(now - start) / 60:.0f} min so far" if said else ""
            why = busy() if busy else f"no free GPU among {len(names)}, waits for one"
            print(f"{label}: {why}{since}", file=sys.stderr, flush=True)
            start, said = start or now, now
        between()
        time.sleep(pause)
