"""Who holds a lock file of nuclei.compute.locks, without holding it; for those who only look on."""

import fcntl
import os
import platform
from pathlib import Path


def this_process() -> str:
    """What a lock file says of the process that holds it: its number, its machine and, in a SLURM job, the job."""
    job = os.environ.get("SLURM_JOB_ID")
    return f"process {os.getpid()} on {platform.node()}" + (f", SLURM job {job}" if job else "")


def holder(path: Path | str) -> str | None:
    """What a lock file says of its holder; None where no process holds it, or where there is no such file.

    It asks for a shared lock, which takes no permission to write, and gives it back at once. So it works for other
    users too. On a file system without locks nobody is found.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip() or "an unknown process"
    except OSError:
        pass
    return None
