"""Faster training on a GPU at the same results: memory layout, batches in pinned memory, fused optimizer steps.

What is switched on depends on the device and the precision alone; see nuclei.training.loop. Written for mmcv-full 1.7.2
and mmdet 2.28.2. CUDA graphs and torch.compile are left out: in mmdet's detectors the sizes of most tensors behind the
backbone follow from the number of nuclei, proposals and samples of each image, and mmcv's operators have no shapes to
compile with, so that neither holds for a whole step.
"""

import copy
from typing import Any

import torch
from mmcv.ops import RoIAlign
from mmcv.parallel import DataContainer
from mmcv.runner import HOOKS, Hook


class ContiguousRoIAlign(RoIAlign):
    """mmcv-full 1.7.2's RoIAlign layer, for feature maps that may lie channels last in memory.

    mmcv's operators read such maps wrongly, without an error. So they get a copy in their own layout.
    """

    def forward(self, input: torch.Tensor, rois: torch.Tensor) -> torch.Tensor:
        """As RoIAlign's: input (N, C, H, W), rois (K, 5); returns (K, C, height, width)."""
        return super().forward(input.contiguous(), rois)


def pinned(value: Any) -> Any:
    """The value with every tensor in it copied to pinned memory. value: a tensor, or lists of values, or anything."""
    if isinstance(value, torch.Tensor):
        return value.pin_memory()
    return list(map(pinned, value)) if isinstance(value, list) else value


def pin_container(container: DataContainer) -> DataContainer:
    """A container whose tensors lie in pinned memory; one that stays on the CPU (masks, names) as it is."""
    if container.cpu_only:
        return container
    copied = copy.copy(container)
    copied._data = pinned(container.data)
    return copied


def use_pinned_batches(config: Any) -> None:
    """Let the loader of a training put its batches into pinned memory, from which mmcv copies them asynchronously.

    config: mmdet Config, changed in place. torch's loader pins tensors and whatever has a method `pin_memory`, which
    mmcv's DataContainer gets here; without it `pin_memory=True` does nothing to mmdet's batches.
    """
    DataContainer.pin_memory = pin_container
    config.data.train_dataloader = {**config.data.get("train_dataloader", {}), "pin_memory": True}


def use_fused_steps(optimizer: torch.optim.Optimizer) -> bool:
    """Let SGD, Adam or AdamW change all weights in one kernel of the GPU; returns whether it is one of these.

    It is called when the states of a resumed training are there, since these bring their own options. SGD's momentum
    starts at 0 instead of not at all, which is the same at dampening 0: torch's fused SGD (2.14.1) fails where a weight
    has its first gradient later than others.
    """
    kinds = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)
    groups = optimizer.param_groups
    if type(optimizer) not in kinds or any(group.get("dampening") or group["differentiable"] for group in groups):
        return False
    for group in groups:
        group.update(fused=True, foreach=False)
        for weight in filter(lambda weight: weight.requires_grad, group["params"]):
            state = optimizer.state[weight]
            if group.get("momentum") and state.get("momentum_buffer") is None:
                state["momentum_buffer"] = torch.zeros_like(weight)
            if "step" in state:  # of Adam; without `fused` it is kept on the CPU
                state["step"] = torch.as_tensor(state["step"], dtype=torch.float32).to(weight.device)
    return True


@HOOKS.register_module()
class FusedSteps(Hook):
    """Let the optimizer of a training make fused steps; see use_fused_steps."""

    def before_run(self, runner: Any) -> None:
        """The optimizer is there, with the state that is resumed."""
        use_fused_steps(runner.optimizer)
