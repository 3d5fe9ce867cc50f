"""The operators that every model needs: tried on the CPU, and missed on a device that mmcv-full was not built for."""

import mmcv.ops
import pytest
import torch

from nuclei.common.stage import InputError
from nuclei.compute.operators import try_operators

GPU = (
    "wanted CUDA operators for this GPU; build them with nvcc of torch's CUDA on PATH (make mmcv-cuda, or docs/environ"
)


def test_the_cpu_has_all_operators():
    try_operators(torch.device("cpu"))


def test_a_device_without_operators_gets_one_line_that_names_the_first():
    with pytest.raises(InputError) as error:  # mmcv answers for `meta` as for a GPU that it was not built for
        try_operators(torch.device("meta"))
    (line,) = error.value.problems
    assert line.startswith("nms of mmcv-full: does not run on meta (nms_impl: implementation for device meta not found")
    assert GPU in line and line.endswith("or set compute.device to cpu")


def test_a_device_of_another_generation_gets_one_line(monkeypatch):
    def fail(*_arguments, **_options):
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nmore lines")

    monkeypatch.setattr(mmcv.ops, "roi_align", fail)
    with pytest.raises(
        InputError, match="roi_align of mmcv-full: does not run on the CPU .CUDA error: no kernel image"
    ):
        try_operators(torch.device("cpu"))


def test_a_wrong_result_is_seen(monkeypatch):
    monkeypatch.setattr(mmcv.ops, "nms", lambda boxes, scores, threshold: (boxes, torch.tensor([1, 0, 2])))
    with pytest.raises(InputError, match="nms of mmcv-full|wrong results .*1, 0, 2"):
        try_operators(torch.device("cpu"))
