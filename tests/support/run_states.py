"""Runs in every state, made by the functions and programs that make them in earnest."""

import io
import subprocess
import sys
import time
from types import SimpleNamespace

from nuclei.common.progress import Progress
from nuclei.training.hooks import Narrate
from nuclei.training.work_folder import hold_work_folder
from nuclei.workflow.run_record import RunRecord

CELLS = [(1, "mask_r50", 0), (2, "mask_r50", 0)]


def begun(run="r", cells=CELLS, logs=(), notify=None):
    """The record of a run that this process works on, below the working folder."""
    record = RunRecord(f"work/{run}", run, cells, notify)
    record.begin(logs)
    return record


def ended(record, state="failed"):
    """The same after Snakemake's end."""
    record.end(state)


def training(folder, cell=CELLS[0], run="r", epoch=2, epochs=3, left=120):
    """Hold a cell's work folder as its training does, with a progress line of Narrate in its log; returns the lock.

    left: s that the line says are left.
    """
    setting, model, seed = cell
    work = folder / f"work/{run}/cells/setting{setting}/{model}/seed{seed}/{'ab' * 8}"
    work.mkdir(parents=True)
    for done in range(1, epoch):
        (work / f"epoch_{done}.pth").touch()
    held = hold_work_folder(work, "cell", lambda: None)
    said, hook = io.StringIO(), Narrate(work / "log.jsonl", f"{model}/setting{setting}/seed{seed}")
    total = 10 * epochs
    hook.progress = Progress(hook.label, total, "iterations", every=0, stream=said)
    hook.progress.done = total // 2 - 1
    hook.progress.start = time.monotonic() - left * (total // 2) / (total - total // 2)
    runner = SimpleNamespace(
        outputs={"log_vars": {"loss": 0.5}},
        epoch=epoch - 1,
        inner_iter=4,
        max_epochs=epochs,
        data_loader=range(10),
        current_lr=lambda: [0.01],
    )
    hook.after_train_iter(runner)
    log = folder / f"results/{run}/logs/setting{setting}.{model}.seed{seed}.train.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f"loading annotations into memory...\n{said.getvalue()}")
    return held


WORKFLOW = """
rule all:
    input: "one.txt", "two.txt", "three.txt"
rule train:
    output: "one.txt"
    log: "results/r/logs/setting1.mask_r50.seed0.train.log"
    shell: "(echo begins; echo; echo 'error: loss is nan'; exit 2) > {log}"
rule make_split:
    output: "two.txt"
    log: "results/r/logs/make_split.log"
    message: "split"
    shell: "echo 'error: no images' | tee {log}; exit 1"
rule check_part:
    output: "three.txt"
    log: "results/r/logs/check_part.log"
    retries: 1
    shell: "test -e tried && touch {output} || (touch tried; echo once > {log}; exit 1)"
"""


def failed_workflow(folder):
    """A log of Snakemake itself, of two jobs that failed and one that did well when it was tried again."""
    (folder / "Snakefile").write_text(WORKFLOW)
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--keep-going", "--show-failed-logs"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    (log,) = (folder / ".snakemake/log").iterdir()
    return log
