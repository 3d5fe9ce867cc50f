"""Locks against every other process of this machine."""

import fcntl
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO


def hold_first_free(
    names: Sequence[str],
    folder: Path | str,
    waiting: Callable[[], str],
    label: str = "",
    between: Callable[[], object] = lambda: None,
    pause: float = 1.0,
    say_every: float = 300.0,
) -> tuple[str, TextIO]:
    """Hold the first free of `names` against every other process of this machine; wait while none is free.

    folder: where the lock files lie, one for each name. waiting(): what to say on stderr while none is free. label:
    start of that line. between(): called after each look that finds none free; it may raise to stop the wait. pause: s
    between two looks. say_every: s between two lines.
    Returns (name, handle): the name is held until the handle is closed or the process ends, also when it is killed,
    since the lock (flock) belongs to the open file.
    """
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    start: float | None = None
    said: float | None = None
    while True:
        for name in names:
            handle = (Path(folder) / name).open("a")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.close()
                continue
            # a child process shares the lock, and a data loader's worker may outlive a killed training
            os.register_at_fork(after_in_child=handle.close)
            return name, handle
        now = time.monotonic()
        if said is None or now - said >= say_every:
            since = f", {(now - start) / 60:.0f} min so far" if start else ""
            print(f"{label}: {waiting()}{since}", file=sys.stderr, flush=True)
            start, said = start or now, now
        between()
        time.sleep(pause)
