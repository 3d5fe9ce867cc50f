"""The operators of mmcv-full that every model needs, tried on a device before hours of work depend on them.

mmcv-full can be built without CUDA operators, or for other GPUs than the one that is there. Training would end in a
traceback at the first of them, after the data were prepared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nuclei.common.stage import InputError

if TYPE_CHECKING:
    import torch


def try_operators(device: torch.device) -> None:
    """Run torch, non-maximum suppression (NMS) and RoIAlign on the device, with gradient, on a few numbers.

    InputError where one of them does not run, or gives another result than by its definition.
    """
    import torch

    operator = "torch"
    try:
        # RoIAlign over the whole of a 2 x 2 map with one sample gives its mean; its gradient is spread evenly.
        boxes = torch.tensor([[0.0, 0, 4, 4], [0, 0, 4, 5], [8, 8, 12, 12]], device=device)
        scores = torch.tensor([0.5, 0.9, 0.7], device=device)
        pixels = torch.tensor([[[[1.0, 2], [3, 4]]]], device=device, requires_grad=True)
        operator = "mmcv-full"
        from mmcv.ops import nms, roi_align

        operator = "nms of mmcv-full"
        kept = nms(boxes, scores, 0.5)[1].tolist()
        operator = "roi_align of mmcv-full"
        whole = torch.tensor([[0.0, 0, 0, 2, 2]], device=device)
        pooled = roi_align(pixels, whole, (1, 1), 1.0, 1, "avg", True)
        pooled.sum().backward()
        found = (kept, pooled.tolist(), pixels.grad.tolist())
    except (RuntimeError, ImportError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise InputError(operator_problem(operator, device, reason)) from None
    if found != ([1, 2], [[[[2.5]]]], [[[[0.25, 0.25], [0.25, 0.25]]]]):
        raise InputError(operator_problem(operator, device, f"wrong results {found}"))


def operator_problem(operator: str, device: torch.device, reason: str) -> str:
    """The line for an operator that does not run on a device."""
    if device.type == "cpu":
        return f"{operator}: does not run on the CPU ({reason}), wanted the package of this project; run make setup"
    return (
        f"{operator}: does not run on {device} ({reason}), wanted CUDA operators for this GPU; build them with nvcc of "
        "torch's CUDA on PATH (make mmcv-cuda, or docs/environments.md), or set compute.device to cpu"
    )
