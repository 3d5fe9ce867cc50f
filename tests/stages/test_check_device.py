"""check_device.py: what it writes, and how it ends where trainings would fail."""

import json

import mmcv
import torch


def test_the_cpu_is_described(stage, tmp_path):
    done = stage("check_device", "--device", "cpu", "--out", tmp_path / "device.json")
    assert done.returncode == 0, done.stderr
    versions = {"torch": torch.__version__, "cuda": torch.version.cuda, "mmcv_full": mmcv.__version__}
    assert json.loads((tmp_path / "device.json").read_text()) == {"device": "cpu", **versions}


def test_a_device_that_is_not_there_or_lacks_operators_ends_in_one_line(stage, tmp_path):
    for device, wanted in (
        ("cuda:99", "compute.device: cuda:99 asked for, torch finds"),
        ("meta", "nms of mmcv-full: does not run on meta (nms_impl: implementation for device meta not found.)"),
    ):
        done = stage("check_device", "--device", device, "--out", tmp_path / "device.json")
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert done.returncode == 2 and line.startswith(f"error: {wanted}")
        assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
