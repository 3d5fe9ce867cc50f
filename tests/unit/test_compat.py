"""mmcv 1.7.2 on this torch: each patch, with what it mends shown on torch's own code; what needs no patch."""

import time
import warnings

import pytest
import torch

from nuclei.compat import patch_epoch_sleep, patch_streams, quiet_amp


@pytest.fixture
def gpu_for_streams(monkeypatch):
    """Let torch's own _get_stream believe in one GPU; returns mmcv's module that asks it for streams."""
    import mmcv.parallel._functions as functions
    import torch.nn.parallel._functions as streams

    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(streams, "_streams", ["the stream of GPU 0"])
    monkeypatch.setattr(functions, "_get_stream", streams._get_stream)
    return functions


def test_torch_takes_no_number_for_a_stream_and_the_patch_gives_it_a_device(gpu_for_streams):
    with pytest.raises(AttributeError):
        gpu_for_streams._get_stream(0)
    patch_streams()
    assert gpu_for_streams._get_stream(0) == "the stream of GPU 0"
    assert gpu_for_streams._get_stream(torch.device("cpu")) is None
    once = gpu_for_streams._get_stream
    patch_streams()
    assert gpu_for_streams._get_stream is once


def test_epochs_do_not_sleep(monkeypatch):
    import mmcv.runner.epoch_based_runner as loop

    monkeypatch.setattr(loop, "time", time)
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("slept"))
    patch_epoch_sleep()
    loop.time.sleep(2)


def test_mixed_precision_says_nothing_of_names():
    from mmcv.runner.fp16_utils import autocast
    from mmcv.runner.hooks.optimizer import GradScaler

    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        with pytest.raises(FutureWarning, match="torch.cuda.amp"):
            autocast()
        with pytest.raises(FutureWarning, match="torch.cuda.amp"):
            GradScaler(enabled=False)
        quiet_amp()
        autocast(enabled=False)
        GradScaler(enabled=False)


def test_hidden_gpus_keep_the_model_on_the_cpu():
    """Torch's DataParallel, under mmcv's, moves the model wherever it sees a GPU, whatever device mmdet names."""
    from mmdet.utils import build_dp

    if torch.cuda.is_available():
        pytest.skip("this process sees a GPU")
    assert build_dp(torch.nn.Linear(1, 1), "cpu", device_ids=[0]).device_ids == []
