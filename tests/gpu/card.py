"""The card that records belong to: a record of it comes before theirs."""

import functools
import os
import platform
import subprocess

import torch

from gpu.records import record, recorded


def driver():
    """Version of NVIDIA's driver, or none."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.split("\n")[0] or "none"
    except (OSError, subprocess.TimeoutExpired):
        return "none"


def facts(device):
    """What a record of kind `card` says of this machine. device: cuda, or cpu, which is no card."""
    here = {"name": "none: CPU", "capability": None, "memory_gb": None}
    if device == "cuda":
        found = torch.cuda.get_device_properties(0)
        here = {"name": found.name, "capability": f"{found.major}.{found.minor}"}
        here["memory_gb"] = round(found.total_memory / 2**30, 1)
    return {
        **here,
        "driver": driver(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
    }


@functools.cache
def note_card():
    """Record the card, unless the last one in the file is the same with the same versions; once in a process."""
    here = facts("cuda")
    last = next((row for row in reversed(recorded()) if row["kind"] == "card"), {})
    if {key: last.get(key) for key in here} != here:
        record("card", **here)
