"""Trainings with training.minutes, on a clock of which an iteration takes a second: kill and resume, outputs, plan."""

import json
import os
import shutil
import signal
import subprocess

import pytest
import torch
from conftest import ROOT
from mmcv import Config
from support.training_cell import command, rows_of

from nuclei.report.plan_page import cell_lines, page, state
from nuclei.training.cost import epochs_done, minutes_left, plan_cell_by_time
from nuclei.training.selection import choose, read_epochs

CARD = {"tflops": {"fp32": 10, "fp16": 40}, "utilisation": {"fp32": 0.5, "fp16": 0.25}, "memory_gb": 8}

# Runs a training on such a clock, which kills it in its n-th iteration (0: never).
TIMED = """
import os, runpy, sys
kill, now = int(sys.argv[1]), 0
import nuclei.models.time_budget as time_budget
from mmdet.models.detectors import BaseDetector
original = BaseDetector.train_step
def step(self, *arguments, **options):
    global now
    now += 1
    if now == kill:
        os.kill(os.getpid(), 9)
    return original(self, *arguments, **options)
BaseDetector.train_step = step
time_budget.TimedRunner.__init__.__kwdefaults__["clock"] = lambda: float(now)
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
# 3 iterations per epoch: four epochs and a third of one
LENGTH = dict(epochs=None, minutes=13 / 60, validate_every=3)


def train(config, out, kill=0):
    python, *rest = command(config, out)
    return subprocess.run(
        [python, "-W", "ignore", "-c", TIMED, str(kill), *rest],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": "scripts"},
    )


@pytest.fixture(scope="module")
def timed(cell, tmp_path_factory):
    """(config, folder) of an undisturbed training."""
    config, out = cell("timed", **LENGTH), tmp_path_factory.mktemp("timed")
    done = train(config, out)
    assert done.returncode == 0, done.stderr
    assert "train: 4 epochs in 0.20 of 0.21666666666666667 minutes" in done.stderr
    return config, out


def test_outputs_of_a_training_by_time(timed):
    config, out = timed
    assert Config.fromfile(config).runner == {"type": "TimedRunner", "minutes": 13 / 60}
    found = json.loads((out / "training.json").read_text())
    assert [found[key] for key in ("epochs", "iterations", "minutes", "minutes_used")] == [4, 12, 13 / 60, 0.2]
    rows = [row for row in rows_of(out) if row["mode"] == "train"]
    assert [row["minutes_used"] for row in rows] == [round(second / 60, 4) for second in range(1, 13)]
    assert [row["mode"] for row in rows_of(out) if row["epoch"] == 4][-1] == "val"
    # the cosine, over 12 iterations, with a warm-up of 2 from a ratio of 0.001
    rates = [row["lr"] for row in rows]
    cosine = [0.02 * (0.01 + 0.99 * (1 + torch.cos(torch.tensor(torch.pi * i / 12))) / 2) for i in range(12)]
    assert rates[3:] == pytest.approx([float(rate) for rate in cosine[3:]], rel=1e-4)
    table = read_epochs(out / "epochs.tsv")
    assert [row["epoch"] for row in table if row["ap50_100"] is not None] == [3, 4]
    assert choose(table, "last")["epoch"] == 4
    assert choose(table, "best")["epoch"] in (3, 4)


def test_a_killed_training_goes_on_with_the_time_that_is_left(timed, tmp_path):
    """On this clock both end with the same bytes. Meanwhile the plan says what is left."""
    config, wanted = timed
    assert train(config, tmp_path, kill=8).returncode == -signal.SIGKILL
    assert planned(config, tmp_path)[:2] == (2, pytest.approx(7 / 60))
    done = train(config, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "resumes after epoch 2 of those of 0.21666666666666667 minutes, 0.10 used" in done.stderr
    assert (tmp_path / "checkpoints/epoch_4.pth").read_bytes() == (wanted / "checkpoints/epoch_4.pth").read_bytes()
    assert (tmp_path / "epochs.tsv").read_bytes() == (wanted / "epochs.tsv").read_bytes()
    assert rows_of(tmp_path) == rows_of(wanted)


def planned(config, out):
    """(epochs done, minutes left, state, lines of the expected hours) of the plan of a cell with 1 GMAC per image."""
    content = Config.fromfile(config)
    keep = {"best": 1, "metrics": ["ap50_100"], "every": 0}
    done, left = epochs_done(out, out / "work", content, keep), minutes_left(out, out / "work", content)
    row = {**plan_cell_by_time(content, [1e9, 1e9], 100, done, keep, left), "peak": None}
    rows = page({"setting1/mask_r50/seed0": row}, {"card": CARD}).splitlines()
    starts = ("| setting1", "| all", "| of that")
    hours = [line.strip("| ").split(" | ")[-1] for line in rows if line.startswith(starts)]
    assert cell_lines({"cell": row})[2].strip("| ").split(" | ")[1:4] == ["by time"] * 3
    return done, left, state(row), hours[2:]


def test_the_plan_of_a_training_by_time(timed, tmp_path):
    config, out = timed
    in_all = f"{13 / 3600:.3g} (given)"  # hours
    assert planned(config, tmp_path) == (0, 13 / 60, "not started", [in_all] * 3)
    (tmp_path / "work").symlink_to(out / "work")
    assert planned(config, tmp_path) == (4, 0.0, "finished", [in_all, in_all, "0 (given)"])
    for name in ("training.json", "config.py"):
        shutil.copy({"config.py": config}.get(name, out / name), tmp_path / name)
    (tmp_path / "work").unlink()
    assert planned(config, tmp_path) == (4, 0.0, "finished", [in_all, in_all, "0 (given)"])
