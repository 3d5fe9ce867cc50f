"""A run of all twelve cells on very small drawn data: its config, its commands, and what they say."""

import os
import signal
import subprocess
import sys

import yaml
from conftest import ROOT, checkout

MODELS = ["mask_r50", "mask_x101", "cascade_r50", "cascade_x101", "pointrend_r50", "ms_rcnn_x101"]
CELLS = [(setting, model) for setting in (1, 2) for model in MODELS]
AFTER_SCORES = {"make_table": 2, "make_cells_table": 1, "make_report": 1, "write_manifest": 1}
STAGES = [
    "resolve_config",
    "train",
    "select_checkpoint",
    "predict",
    "write_answer",
    "score_predictions",
    "draw_overlays",
]
CONFIG = {
    "run": "tiny",
    "raw": {"draw": {"train": 3, "test": 2, "size": 96, "seed": 3}},
    "split": {"validation_fraction": 0.34},
    "scoring": {"instances": False},  # one test turns it on: each cell then predicts once more
    "training": {
        "epochs": 1,
        "repeat": 1,
        "warmup": 1,
        "train_scales": [[96, 96], [128, 128]],
        "test_scale": [96, 96],
        "detections": 150,
    },
    "model_options": {model: {"data.train.times": 1} for model in MODELS if model.endswith("x101")},
}


def snakemake(folder, *arguments, config="tiny.yaml", environment=None):
    """Run Snakemake on the demo config with a smaller one on top."""
    command = ["snakemake", "--cores", "2", "--configfile", "config/demo.yaml", config, *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", **(environment or {})},
    )


def make_project(folder):
    """The project in an empty folder, after a whole run."""
    checkout(folder)
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    done = snakemake(folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return folder


def interrupted(folder, config="tiny.yaml", after="Finished jobid"):
    """Run Snakemake, and stop it as Ctrl-C does as soon as it says a line that starts so; returns (exit status, text).

    after: start of the line; the default stops it when its first job has finished.
    """
    # a shell's job in the background ignores Ctrl-C, and so would what it starts
    command = ["env", "--default-signal=INT", "snakemake", "--cores", "2", "--configfile", "config/demo.yaml", config]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=folder, start_new_session=True, env=environment, **streams) as process:
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith(after):
                os.killpg(process.pid, signal.SIGINT)
                break
        said.append(process.stderr.read())
    return process.returncode, "".join(said)


def planned(done):
    """{rule: count} of a dry run."""
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.split("Job stats:")
    if len(lines) == 1:
        assert "Nothing to be done" in done.stdout + done.stderr
        return {}
    found = {}
    for line in lines[1].splitlines()[3:]:
        if not line.strip():
            break
        rule, count = line.split()
        found[rule] = int(count)
    return {rule: count for rule, count in found.items() if rule not in ("total", "all")}


def overlay(project, **change):
    """A config file with changes on top of the tiny one."""
    (project / "changed.yaml").write_text(yaml.safe_dump(CONFIG | change))
    return "changed.yaml"


def cell(project, setting, model):
    return project / f"results/tiny/cells/setting{setting}/{model}/seed0"


def verified(results):
    """Last line of a strict check of a run folder against its manifest."""
    command = [sys.executable, ROOT / "tools/verify_run.py", results, "--strict"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1].split(": ")[1]


def reverse_times(project):
    """Touch every file and timestamp of a folder, the one made first last: every input is newer than its output."""
    files = [path for path in project.rglob("*") if path.is_file() and ".snakemake" not in path.parts]
    times = [path.stat().st_mtime_ns for path in files]
    for path, changed in zip(files, times, strict=True):
        changed = min(times) + max(times) - changed
        os.utime(path, ns=(changed, changed))


def clean(project, *arguments):
    """Paths that clean_work.py removes."""
    command = [sys.executable, "tools/clean_work.py", "--yes", *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [line.split()[1].rstrip(":") for line in done.stdout.splitlines() if line.startswith("removes ")]
