"""A long command: its output in a log file, its progress as lines, and no process left behind."""

import os
import signal
import subprocess
import time

from nuclei.progress import Progress
from nuclei.stage import InputError


def run_logged(command, log, wanted, count=None, every=10.0, wait=0.5, **options):
    """Run `command`, output to file `log`; InputError with the log's last words and `wanted` where it fails.

    count() -> (label, done, total, unit) or None is asked while it runs; a changed label starts a new count.
    options go to subprocess.Popen. SIGTERM and Ctrl-C here end the command and all its children.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    process = None
    try:
        with open(log, "ab") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, **options
            )
        _follow(process, count or (lambda: None), every, wait)
    finally:
        if process and process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
        signal.signal(signal.SIGTERM, before)
    if process.returncode:
        raise InputError(f"{command[0]}: ended with status {process.returncode}, wanted {wanted}; {last_words(log)}")


def last_words(log):
    """The line of a log that best tells why a command failed, and where the rest is."""
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or "no space left" in line.lower()]
    telling = (errors or lines or ["nothing printed"])[-1]
    return f'the log {log} says "{telling[:300]}"'


def _interrupt(number, frame):
    """End this process as an unhandled SIGTERM would, through every `finally`."""
    raise SystemExit(128 + number)


def _follow(process, count, every, wait):
    """Print progress until the process ends."""
    progress = None
    while process.poll() is None:
        time.sleep(wait)
        state = count()
        if state is None:
            continue
        label, done, total, unit = state
        if progress is None or progress.label != label:
            progress = Progress(label, total, unit, every=every, done=done)
        progress.step(done - progress.done)
    state = count()
    if progress and state and not process.returncode:
        progress.step(state[1] - progress.done)
        progress.close()
