"""Runs of a small project that tests disturb: started, looked at, compared."""

import contextlib
import hashlib
import os
import re
import subprocess

import psutil
import torch
import yaml
from conftest import checkout

# what may differ between two runs: times of the clock, and what shows them
CLOCK = {"log.jsonl", "training.json", "manifest.json", "report.html", "cells.csv", "curves.png"}


def start(folder, *arguments, config="damage.yaml"):
    """Snakemake on the demo config with a smaller one on top, in a session of its own; its text goes to run.log."""
    command = ["snakemake", "--cores", "2", "--configfile", "config/demo.yaml", config, *arguments]
    with (folder / "run.log").open("a") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        )


def run(folder, *arguments, config="damage.yaml"):
    """Run to the end; returns (exit status, what this run printed)."""
    before = (folder / "run.log").stat().st_size if (folder / "run.log").exists() else 0
    code = start(folder, *arguments, config=config).wait()
    return code, (folder / "run.log").read_text()[before:]


def new_project(folder, config):
    """A copy of the project with a config of this test."""
    folder.mkdir()
    checkout(folder)
    (folder / "damage.yaml").write_text(yaml.safe_dump(config))
    return folder


def results(folder):
    """{path: SHA-256} of what a run made; not of files with times of the clock, nor of what a kill left half done."""
    top = folder / "results/damage"
    found = {}
    for path in sorted(top.rglob("[!.]*")):
        relative = path.relative_to(top)
        if path.is_file() and path.name not in CLOCK and relative.parts[0] != "logs":
            found[str(relative)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def alive(folder):
    """Processes that work in the project's folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def stages(folder):
    """Running stages: {process: name of its script}."""
    found = {}
    for process in alive(folder):
        with contextlib.suppress(psutil.Error):
            for word in process.cmdline()[:3]:
                if match := re.fullmatch(r"scripts/(\w+)\.py", word):
                    found[process] = match[1]
    return found


def epochs(folder):
    """{work folder: epochs in the state that it would go on from}."""
    found = {}
    for work in folder.glob("work/damage/cells/*/*/*/*"):
        for name in ("last.pth", "previous.pth"):
            with contextlib.suppress(OSError, RuntimeError, EOFError):
                state = torch.load(work / name, map_location="cpu", weights_only=True)
                found[work] = max(found.get(work, 0), state["meta"]["epoch"])
    return found
