"""train.py with accumulated gradients and with mixed precision."""

import signal
import subprocess
import time

import pytest
from conftest import ROOT
from support.training_cell import command, rows_of, train


@pytest.fixture(scope="module")
def accumulated(cell, tmp_path_factory):
    """(config, folder) of an undisturbed training with accumulated gradients and an odd number of iterations."""
    config, out = cell("accumulated", accumulate=2, epochs=2, validate_every=0), tmp_path_factory.mktemp("accumulated")
    done = train(config, out, keep_every=1)
    assert done.returncode == 0, done.stderr
    assert max(row["iter"] for row in rows_of(out)) % 2 == 1
    return config, out


def test_accumulated_gradients_do_not_cross_epochs(accumulated, tmp_path):
    config, wanted = accumulated
    process = subprocess.Popen(command(config, tmp_path, keep_every=1), cwd=ROOT, stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob("work/*/last.pth")) and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    done = train(config, tmp_path, keep_every=1)
    assert "resumes after epoch 1 of 2" in done.stderr
    for epoch in (1, 2):
        name = f"checkpoints/epoch_{epoch}.pth"
        assert (tmp_path / name).read_bytes() == (wanted / name).read_bytes()


def test_mixed_precision_on_a_cpu_is_one_clear_error(cell, undisturbed, stage, tmp_path):
    config = cell("half", precision="fp16")
    trained = train(config, tmp_path)
    weights = undisturbed[1] / "checkpoints/epoch_3.pth"
    found = stage(
        "predict", "--config", config, "--checkpoint", weights, "--device", "cpu", "--out", tmp_path / "p.json"
    )
    for done in (trained, found):
        assert done.returncode == 2
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert line.startswith("error: training.precision: fp16 asked for on a CPU, wanted a GPU")
