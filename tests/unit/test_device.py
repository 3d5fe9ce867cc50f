"""Devices: named, hidden, and claimed by real concurrent processes, of which one is killed."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from types import SimpleNamespace

import pytest
import torch
from conftest import ROOT
from mmcv import Config

from nuclei.common.stage import InputError
from nuclei.compute.device import claim_gpu, describe, driver_version, find_device, hide_gpus
from nuclei.compute.locks import claim
from nuclei.compute.precision import check_precision, set_tf32

HOLD = """
import os, sys, time
from nuclei.compute.device import claim
folder, shared, seconds, fork, *names = sys.argv[1:]
name, handle = claim(names, folder, "job", pause=0.02, say_every=0.1)
mark = os.open(f"{shared}/{name}", os.O_CREAT | os.O_EXCL)  # fails while another process holds the name
print(name, flush=True)
if int(fork) and os.fork() == 0:  # a loader's worker that outlives its parent
    time.sleep(20)
time.sleep(float(seconds))
os.unlink(f"{shared}/{name}")
"""


@pytest.fixture
def job(tmp_path):
    """Start a process that claims one of `names`, holds it for some seconds and marks that it does."""
    (tmp_path / "shared").mkdir()
    started = []

    def start(names, seconds=0.1, fork=0):
        command = [sys.executable, "-c", HOLD, tmp_path / "locks", tmp_path / "shared", str(seconds), str(fork), *names]
        process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_no_two_processes_hold_one_gpu(job):
    jobs = [job(["a", "b"]) for _ in range(8)]
    done = [process.communicate(timeout=60) for process in jobs]
    assert [process.returncode for process in jobs] == [0] * 8, done
    assert {out.strip() for out, _ in done} == {"a", "b"}
    assert any("job: no free GPU among 2, waits for one" in errors for _, errors in done)


@pytest.mark.parametrize("fork", [0, 1])
def test_a_killed_process_frees_its_gpu(job, tmp_path, fork):
    holder = job(["a"], seconds=60, fork=fork)
    assert holder.stdout.readline() == "a\n"
    (tmp_path / "shared/a").unlink()
    waiting = job(["a"])
    assert waiting.stderr.readline() == "job: no free GPU among 1, waits for one\n"
    assert waiting.stderr.readline() == "job: no free GPU among 1, waits for one, 0 min so far\n"
    assert waiting.poll() is None
    holder.kill()
    assert waiting.wait(timeout=10) == 0


def test_sigterm_ends_the_wait(job):
    holder = job(["a"], seconds=60)
    assert holder.stdout.readline() == "a\n"
    waiting = job(["a"])
    waiting.stderr.readline()
    waiting.terminate()
    assert waiting.wait(timeout=10) == -signal.SIGTERM


def test_a_stop_request_ends_the_wait_and_a_name_is_free_again_when_closed(tmp_path, monkeypatch):
    def stop():
        raise InterruptedError("asked to stop")

    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("went on waiting"))
    name, handle = claim(["a", "b"], tmp_path)
    other, _kept = claim(["a", "b"], tmp_path)
    assert (name, other) == ("a", "b")
    with pytest.raises(InterruptedError):
        claim(["a"], tmp_path, between=stop)
    handle.close()
    assert claim(["a"], tmp_path, between=stop)[0] == "a"


@pytest.fixture
def two_gpus(monkeypatch, tmp_path):
    """Torch with two GPUs that exist in name only; returns the list of devices that were made current."""
    made = []
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", made.append)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "GPU")
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 5 * 2**20)
    monkeypatch.setattr(
        torch.cuda,
        "get_device_properties",
        lambda device: SimpleNamespace(uuid=f"uuid-{getattr(device, 'index', device)}", total_memory=80 * 2**30),
    )
    return made


def test_a_free_gpu_is_claimed_by_uuid_and_made_current(two_gpus, tmp_path, capsys):
    def stop():
        raise InterruptedError("asked to stop")

    first, _kept = claim_gpu(find_device("cuda:1"), "job")
    with pytest.raises(InterruptedError):  # that one is taken, the other would be free
        claim_gpu(find_device("cuda:1"), "job", stop)
    second, _kept_too = claim_gpu(find_device("cuda"), "job", stop)
    assert [first, second] == two_gpus == [torch.device("cuda", 1), torch.device("cuda", 0)]
    folder = tmp_path / f"nuclei-gpus-{os.getuid()}"
    assert {path.name for path in folder.iterdir()} == {"uuid-0", "uuid-1"}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "job: computes on cuda:0, GPU, uuid-0" in capsys.readouterr().err
    found = describe(second, Config({"fp16": {}}))
    assert (found["gpu_mb"], found["gpu_peak_mb"], found["cuda"]) == (81920, 5, torch.version.cuda)
    assert claim_gpu(torch.device("cpu"), "job") == (torch.device("cpu"), None)


def test_unknown_device_is_named_by_its_key():
    with pytest.raises(InputError, match="^compute.device: 'tpu' is no device, wanted auto, cpu, cuda or cuda:N$"):
        find_device("tpu")
    with pytest.raises(InputError, match="^compute.device: cuda:99 asked for, torch finds [0-9]+ GPUs; set it"):
        find_device("cuda:99")


def test_gpus_are_hidden_from_a_cpu_job_alone(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    hide_gpus("auto")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3"
    hide_gpus("cpu")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


@pytest.mark.parametrize(
    "content", [{"optimizer_config": {"type": "GradientCumulativeFp16OptimizerHook"}}, {"fp16": {"loss_scale": 512.0}}]
)
def test_mixed_precision_wants_a_gpu(content):
    with pytest.raises(InputError, match="^training.precision: fp16 asked for on a CPU, wanted a GPU"):
        check_precision(Config(content), torch.device("cpu"))
    check_precision(Config(content), torch.device("cuda"))
    check_precision(Config({"optimizer_config": {"grad_clip": None}}), torch.device("cpu"))


def test_tf32_is_set_both_ways_and_recorded():
    for on in (True, False):
        set_tf32(on)
        found = describe(torch.device("cpu"), Config({"optimizer_config": {}}))
        assert (found["tf32_matmul"], found["tf32_cudnn"], found["precision"]) == (on, on, "fp32")
    assert {"cudnn", "cudnn_benchmark", "cudnn_deterministic"} <= found.keys()


def test_driver_version(tmp_path):
    (tmp_path / "version").write_text(
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.82.07  Release Build  (root)  Wed Aug 27\n"
        "GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n"
    )
    assert driver_version(tmp_path / "version") == "580.82.07"
    assert driver_version(tmp_path / "absent") == "unknown"
