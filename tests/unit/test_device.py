"""GPUs are handed out to concurrent processes, one each, and freed on any exit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT

from nuclei.device import claim, find_device
from nuclei.stage import InputError

JOB = """
import sys, time
from nuclei.device import claim
index, held = claim(["GPU-a", "GPU-b"], sys.argv[1], pause=0.02)
log = open(sys.argv[2], "a")
print(f"{time.monotonic()} {index} 1", file=log, flush=True)
time.sleep(float(sys.argv[3]))
print(f"{time.monotonic()} {index} -1", file=log, flush=True)
"""


def job(tmp_path, seconds):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    command = [sys.executable, "-c", JOB, str(tmp_path / "locks"), str(tmp_path / "log"), str(seconds)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def events(tmp_path):
    """[(time, GPU, +1 taken or -1 given back)] in order of time."""
    path = Path(tmp_path / "log")
    return sorted(tuple(map(float, line.split())) for line in path.read_text().splitlines()) if path.exists() else []


def test_no_two_jobs_hold_one_gpu_and_both_gpus_are_used(tmp_path):
    jobs = [job(tmp_path, 0.3) for _ in range(6)]
    assert [process.wait() for process in jobs] == [0] * 6
    held, most = {0: 0, 1: 0}, {0: 0, 1: 0}
    for _, gpu, change in events(tmp_path):
        held[gpu] += change
        most[gpu] = max(most[gpu], held[gpu])
    assert most == {0: 1, 1: 1}
    assert len(events(tmp_path)) == 12


def test_a_killed_job_frees_its_gpu(tmp_path):
    killed = [job(tmp_path, 600), job(tmp_path, 600)]
    while len(events(tmp_path)) < 2:
        time.sleep(0.02)
    waiting = job(tmp_path, 0)
    time.sleep(0.5)
    assert waiting.poll() is None
    killed[1].send_signal(signal.SIGKILL)
    killed[1].wait()
    assert waiting.wait() == 0
    killed[0].kill()
    killed[0].wait()
    (*_, last) = events(tmp_path)
    taken = {gpu for _, gpu, _ in events(tmp_path)[:2]}
    assert taken == {0, 1} and last[2] == -1
    assert "all 2 GPUs are held by other jobs: waiting" in waiting.stderr.read()


def test_free_again_once_the_handle_is_closed(tmp_path):
    first, held = claim(["a", "b"], tmp_path)
    second, other = claim(["a", "b"], tmp_path)
    assert (first, second) == (0, 1)
    held.close()
    assert claim(["a", "b"], tmp_path)[0] == 0
    other.close()


def test_devices_that_are_not_there_are_named():
    assert str(find_device("cpu")[0]) == "cpu"
    with pytest.raises(InputError, match="compute.device: 'gpu7' is no device"):
        find_device("gpu7")
    with pytest.raises(InputError, match="compute.device: cuda:99 asked for, torch finds"):
        find_device("cuda:99")
