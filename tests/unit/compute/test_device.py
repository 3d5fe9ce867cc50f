"""Devices: named, hidden, claimed, described."""

import os
import tempfile
from types import SimpleNamespace

import pytest
import torch
from mmcv import Config

from nuclei.common.stage import InputError
from nuclei.compute import device
from nuclei.compute.device import claim_gpu, describe, driver_version, find_device, hide_gpus


@pytest.fixture
def two_gpus(monkeypatch, tmp_path):
    """Torch with two GPUs that exist in name only; returns the list of devices that were made current."""
    made = []
    monkeypatch.setattr(device, "LOCKS", tmp_path, raising=False)
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
    assert "job: no free GPU among 1, waits for one\n" in capsys.readouterr().err
    second, _kept_too = claim_gpu(find_device("cuda"), "job", stop)
    assert [first, second] == two_gpus == [torch.device("cuda", 1), torch.device("cuda", 0)]
    folder = tmp_path / f"nuclei-gpus-{os.getuid()}"
    assert {path.name for path in folder.iterdir()} == {"uuid-0", "uuid-1"}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert "job: computes on cuda:0, GPU, uuid-0" in capsys.readouterr().err
    found = describe(second, Config({"fp16": {}}))
    assert (found["gpu_mb"], found["gpu_peak_mb"], found["cuda"]) == (81920, 5, torch.version.cuda)
    assert claim_gpu(torch.device("cpu"), "job") == (torch.device("cpu"), None)


def test_jobs_with_a_temporary_folder_each_see_each_other_s_claims(two_gpus, tmp_path, monkeypatch):
    def stop():
        raise InterruptedError("asked to stop")

    kept = []
    for job, cuda in (("a", "cuda:0"), ("b", "cuda:1"), ("c", None)):
        (tmp_path / job).mkdir()
        monkeypatch.setenv("TMPDIR", str(tmp_path / job))
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / job))
        monkeypatch.setattr(tempfile, "tempdir", None)
        if cuda:
            kept.append(claim_gpu(find_device("cuda"), job, stop))
    assert len({str(claimed) for claimed, _ in kept}) == 2
    with pytest.raises(InterruptedError):
        claim_gpu(find_device("cuda"), "c", stop)


def test_claims_lie_in_the_machine_s_own_folder():
    assert str(device.LOCKS) == "/tmp"


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


def test_driver_version(tmp_path):
    (tmp_path / "version").write_text(
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.82.07  Release Build  (root)  Wed Aug 27\n"
        "GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n"
    )
    assert driver_version(tmp_path / "version") == "580.82.07"
    assert driver_version(tmp_path / "absent") == "unknown"
