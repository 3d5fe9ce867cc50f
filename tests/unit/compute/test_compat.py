"""mmcv 1.7.2 and mmdet 2.28.2 on this torch: each patch, with what it mends shown; what needs no patch."""

import time
import warnings

import mmdet.models.roi_heads.mask_heads.fcn_mask_head as head
import pytest
import torch

from nuclei.compute.compat import patch_epoch_sleep, patch_paste, patch_streams, quiet_amp


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


def unpatch():
    head._do_paste_mask = getattr(head._do_paste_mask, "__wrapped__", head._do_paste_mask)


@pytest.mark.parametrize("box", [[40, 10, 60, 20], [10, 40, 20, 60], [-30, 5, -8, 9], [5, -30, 9, -8]])
def test_a_box_outside_the_image_has_an_empty_mask(box):
    masks, boxes = torch.ones(1, 1, 28, 28), torch.tensor([box], dtype=torch.float32)
    unpatch()
    with pytest.raises(RuntimeError):
        head._do_paste_mask(masks, boxes, 30, 30)
    patch_paste()
    pasted, where = head._do_paste_mask(masks, boxes, 30, 30)
    canvas = torch.zeros(1, 30, 30)
    canvas[(slice(None), *where)] = pasted
    assert not canvas.any()


def test_boxes_inside_and_across_the_border_are_pasted_as_before():
    masks = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    for box in ([3.2, 4.1, 20.7, 22.9], [-5, -5, 8, 9], [25, 25, 40, 44], [29, 29, 31, 33]):
        boxes = torch.tensor([box], dtype=torch.float32)
        unpatch()
        wanted, place = head._do_paste_mask(masks, boxes, 30, 30)
        patch_paste()
        found, where = head._do_paste_mask(masks, boxes, 30, 30)
        assert torch.equal(found, wanted) and where == place
