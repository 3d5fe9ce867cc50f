"""Locks against every other process of this machine."""

import fcntl
import os
import sys
import time
from pathlib import Path


def hold_first_free(names, folder, waiting, label="", between=lambda: None, pause=1.0, say_every=300.0):
    """Hold the first free of `names` against every other process of this machine; wait while none is free.

    folder: where the lock files lie, one for each name. waiting(): what to say while none is free. label: start of
    that line. between(): called while waiting; may raise to stop. pause: seconds between two looks. say_every: seconds
    between two lines.
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
            print(f"{label}: {waiting()}{since}", file=sys.stderr, flush=True)
            start, said = start or now, now
        between()
        time.sleep(pause)
