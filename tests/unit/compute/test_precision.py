"""Precision: what a device cannot compute is refused, TF32 is set both ways."""

import pytest
import torch
from mmcv import Config

from nuclei.common.stage import InputError
from nuclei.compute.device import describe
from nuclei.compute.precision import check_precision, set_tf32


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


def test_bf16_wants_a_cpu_that_has_it(monkeypatch):
    wanted, cpu = Config({"precision": "bf16"}), torch.device("cpu")
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    check_precision(wanted, cpu)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    with pytest.raises(InputError, match="^training.precision: bf16 asked for on a CPU without it, wanted one with"):
        check_precision(wanted, cpu)
    check_precision(wanted, cpu, trains=False)
    check_precision(wanted, torch.device("cuda"))
    check_precision(Config({}), cpu)
