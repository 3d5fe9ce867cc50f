"""What Snakemake leaves in work/<run>/ for those who look on: run.json, and a lock that it holds as long as it lives.

run.json names the run's cells, so that those which have not begun are known too, and Snakemake's own logs. It is no
result and no input of any stage. tools/status.py and the screen read it (nuclei.report.run_status).
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, cast

from nuclei.common.files import read_json, write_json
from nuclei.common.stage import InputError
from nuclei.compute.lock_state import this_process

if TYPE_CHECKING:
    from nuclei.compute.locks import Held

RECORD, LOCK = "run.json", "lock"
LOGS = 10  # Snakemake's logs that are remembered
PATIENCE = 60  # s that a notification may take


class Content(TypedDict):
    """Content of run.json.

    cells: [setting, model, seed] of each; the setting is a number, or the name of a fold. started, ended: s since 1970.
    logs: oldest first.
    """

    run: str
    state: Literal["running", "done", "failed"]
    cells: list[list[int | str]]
    started: float
    ended: float | None
    process: int
    holder: str
    logs: list[str]


KINDS: dict[str, type | tuple[type, ...]] = {
    "run": str,
    "state": str,
    "cells": list,
    "started": (int, float),
    "ended": (int, float, type(None)),
    "process": int,
    "holder": str,
    "logs": list,
}


def read_record(work: Path | str) -> Content | None:
    """The record of a run, by its folder work/<run>; None where there is none, or none that can be read."""
    try:
        found = read_json(Path(work, RECORD))
    except InputError:
        return None
    whole = isinstance(found, dict) and all(isinstance(found.get(key), kind) for key, kind in KINDS.items())
    whole = whole and all(isinstance(log, str) for log in found["logs"])
    kinds = [int, str, int], [str, str, int]
    whole = whole and all(isinstance(cell, list) and [*map(type, cell)] in kinds for cell in found["cells"])
    return cast(Content, found) if whole else None


class RunRecord:
    """The record of the run that this Snakemake works on.

    work: work/<run>. run: name of the run. cells: (setting, model, seed) of each. notify: the config's command or None.
    """

    def __init__(self, work: str, run: str, cells: Sequence[tuple[int | str, str, int]], notify: str | None) -> None:
        self.work, self.run, self.cells, self.notify = Path(work), run, cells, notify
        self.started = time.time()
        self.held: Held | None = None
        self.logs: list[str] = []

    def begin(self, logs: Sequence[str]) -> None:
        """Say that the first job is about to start. logs: Snakemake's log files."""
        from nuclei.compute.locks import try_hold  # wants a package, which those who only read need not have

        self.started = time.time()
        self.work.mkdir(parents=True, exist_ok=True)
        self.held = try_hold(self.work / LOCK, this_process())
        known = read_record(self.work)
        here = [os.path.relpath(log) for log in logs]
        self.logs = [*(known["logs"] if known else []), *here][-LOGS:]
        self._write("running", None)

    def end(self, state: Literal["done", "failed"]) -> None:
        """Say how it ended, to run.json and to the config's `notify`."""
        now = time.time()
        self._write(state, now)
        if self.held:
            self.held.close()
        if self.notify:
            notify(self.notify, self.run, state, round((now - self.started) / 60))

    def _write(self, state: Literal["running", "done", "failed"], ended: float | None) -> None:
        content: Content = {
            "run": self.run,
            "state": state,
            "cells": [list(cell) for cell in self.cells],
            "started": self.started,
            "ended": ended,
            "process": os.getpid(),
            "holder": this_process(),
            "logs": self.logs,
        }
        write_json(self.work / RECORD, content)


def notify(command: str, run: str, state: str, minutes: int) -> bool:
    """Run a person's command by bash, with run, state and minutes as "$1", "$2", "$3"; whether it succeeded.

    These are arguments of their own, so that no name can become a part of the command. A command that fails or takes
    longer than a minute is one line on stderr: the run is what it is without it.
    """
    words = ["bash", "-c", command, "notify", run, state, str(minutes)]
    try:
        status = subprocess.run(words, stdin=subprocess.DEVNULL, timeout=PATIENCE).returncode
    except subprocess.TimeoutExpired:
        print(f"warning: notify: no end after {PATIENCE} s, stopped", file=sys.stderr)
        return False
    if status:
        print(f"warning: notify: exit status {status} found, wanted 0; correct the command", file=sys.stderr)
    return not status
