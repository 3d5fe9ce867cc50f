"""Several processes that train one cell together (compute.gpus), here two on the CPU by gloo.

The independent reference is one process that accumulates the gradients of two iterations.
"""

import json
import os
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

    write.train = cell("any").parent / "train.json"
    return write


def ends_with(done, status, line):
    """Whether a training ended with this status and this one line that says why."""
    assert done.returncode == status, done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith(("error", "train: stopped"))]
    assert len(said) == 1 and said[0].startswith(line), done.stderr
    assert "Traceback" not in done.stderr


def test_two_processes_equal_one_that_accumulates_two_iterations(seeded, tmp_path):
    """Also where rank 1 was killed, and got a signal that the others did not get, in the second epoch."""
    alone, together = tmp_path / "alone", tmp_path / "together"
    done = run(seeded("accumulated", accumulate=2), alone)
    assert done.returncode == 0, done.stderr
    config = seeded("together", gpus=2)
    ends_with(run(config, together, "1 2 9"), 128 + 9, "error: train: process 1 of 2 was ended by SIGKILL, ")
    ends_with(run(config, together, "1 2 15"), 128 + 15, "train: stopped by SIGTERM; run again to go on")
    assert [path.name for path in together.iterdir()] == ["work"]
    done = run(config, together)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("resumes after epoch 1 of 2") == 1
    one, two = ([row for row in rows_of(out) if row["mode"] == "train"] for out in (alone, together))
    assert (len(one), len(two)) == (24, 12)
    for place, row in enumerate(two):
        pair = one[2 * place : 2 * place + 2]
        for name in [name for name in row if "loss" in name or name == "acc"]:
            assert row[name] == pytest.approx(sum(each[name] for each in pair) / 2, abs=1e-5), (place, name)
    for epoch in (1, 2):
        paths = (out / f"checkpoints/epoch_{epoch}.pth" for out in (alone, together))
        wanted, found = (torch.load(path, weights_only=True)["state_dict"] for path in paths)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
    assert json.loads((together / "training.json").read_text())["gpus"] == 2
    assert "gpus" not in json.loads((alone / "training.json").read_text())


@pytest.mark.slow
def test_a_failed_process_leaves_no_trace_in_the_result(seeded, tmp_path):
    """With batch normalisation that learns, two loader processes for each, and more validation images than ranks."""
    config = seeded("failing", norm=True, gpus=2, workers=2, validation=seeded.train)
    for name, fails in (("wanted", []), ("found", ["1 1 memory", "0 1 15", "0 2 9", "1 2 memory"])):
        for fail in fails:
            done = run(config, tmp_path / name, fail)
            rank, epoch, how = fail.split()
            status, line = {
                "memory": (2, f"error: train: out of GPU memory at epoch {epoch}, iteration 2, "),
                "15": (128 + 15, "train: stopped by SIGTERM; run again to go on"),
                "9": (128 + 9, f"error: train: process {rank} of 2 was ended by SIGKILL, "),
            }[how]
            ends_with(done, status, line)
        done = run(config, tmp_path / name)
        assert done.returncode == 0, done.stderr
    for name in ("checkpoints/epoch_1.pth", "checkpoints/epoch_2.pth", "epochs.tsv"):
        assert (tmp_path / "found" / name).read_bytes() == (tmp_path / "wanted" / name).read_bytes()
    assert rows_of(tmp_path / "found") == rows_of(tmp_path / "wanted")
