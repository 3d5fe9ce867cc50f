"""Several processes that train one cell together (compute.gpus), here two on the CPU by gloo.

The independent reference is one process that accumulates the gradients of two iterations.
"""

import json
import os
import signal
import subprocess

import pytest
import torch
from conftest import ROOT
from support.training_cell import command, rows_of

SEEDED = """
custom_imports["imports"] += ["support.seeded"]
custom_hooks = [dict(type="SeedByBatch", priority="VERY_LOW")]
data["train"]["dataset"]["pipeline"].insert(0, dict(type="SeedByImage"))
lr_config = dict(policy="fixed")
"""


def run(config, out, fail="-1 0 0"):
    """Run a training; `fail` as support.seeded says. Returns the finished process (text)."""
    environment = {**os.environ, "PYTHONPATH": "tests:scripts", "PYTHONWARNINGS": "ignore", "FAIL": fail}
    arguments = command(config, out, keep_every=1)
    return subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def seeded(cell):
    """Write a config whose randomness does not depend on the number of processes. norm: whether batch norm learns."""

    def write(name, norm=False, **change):
        options = {"model.backbone.norm_eval": not norm}
        change = {"epochs": 2, "repeat": 4, "batch": 1, "schedule": [9], "lr": 0.02, "options": options} | change
        config = cell(name, **change)
        config.write_text(config.read_text() + SEEDED)
        return config

    return write


@pytest.fixture(scope="module")
def together(seeded, tmp_path_factory):
    """(config, folder) of a training by two processes that nothing disturbed."""
    config, out = seeded("together", gpus=2), tmp_path_factory.mktemp("together")
    done = run(config, out)
    assert done.returncode == 0, done.stderr
    return config, out


def test_two_processes_equal_one_that_accumulates_two_iterations(together, seeded, tmp_path):
    _, out = together
    done = run(seeded("accumulated", accumulate=2), tmp_path)
    assert done.returncode == 0, done.stderr
    one, two = ([row for row in rows_of(folder) if row["mode"] == "train"] for folder in (tmp_path, out))
    assert (len(one), len(two)) == (24, 12)
    for place, row in enumerate(two):
        pair = one[2 * place : 2 * place + 2]
        for name in [name for name in row if "loss" in name or name == "acc"]:
            assert row[name] == pytest.approx(sum(each[name] for each in pair) / 2, abs=1e-5), (place, name)
    for epoch in (1, 2):
        found, wanted = (torch.load(f / f"checkpoints/epoch_{epoch}.pth")["state_dict"] for f in (out, tmp_path))
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
    provenance = json.loads((out / "training.json").read_text())
    assert provenance["gpus"] == 2 and "gpus" not in json.loads((tmp_path / "training.json").read_text())


def test_a_failed_or_stopped_process_ends_all_and_the_next_start_goes_on(together, tmp_path):
    """Want of memory, then a kill, then a stop that comes to one process alone; the result is that of the undisturbed."""
    config, wanted = together
    ends = [("1 1 memory", 2, "error: train: out of GPU memory at epoch 1, iteration 2, ")]
    ends += [("1 2 9", 128 + 9, "error: train: process 1 of 2 was ended by SIGKILL, ")]
    ends += [("1 2 15", 128 + 15, "train: stopped by SIGTERM; run again to go on")]
    for fail, status, said in ends:
        done = run(config, tmp_path, fail)
        assert done.returncode == status, done.stderr
        lines = [line for line in done.stderr.splitlines() if line.startswith(("error", "train: stopped"))]
        assert len(lines) == 1 and lines[0].startswith(said), done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "epochs.tsv").exists()
    done = run(config, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("resumes after epoch 1 of 2") == 1
    for name in ("checkpoints/epoch_1.pth", "checkpoints/epoch_2.pth", "epochs.tsv"):
        assert (tmp_path / name).read_bytes() == (wanted / name).read_bytes()
    assert rows_of(tmp_path) == rows_of(wanted)
