"""Batch normalisation over the images of all ranks (nuclei.compute.ranks), as if they were one batch.

A GPU has torch's SyncBatchNorm, which no CPU has. Parameters and statistics keep their names, and a layer that is
frozen (in evaluation) computes as before, so a checkpoint fits the model with and without the change.
"""

from typing import Any

import torch
from torch import distributed, nn


class SumOverRanks(torch.autograd.Function):
    """The sum of a tensor over all ranks, on every rank. The gradient is that of the sum of the losses of all ranks."""

    @staticmethod
    def forward(_context: Any, value: torch.Tensor) -> torch.Tensor:
        """value: of this rank, of the same shape on all."""
        total = value.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, gradient: torch.Tensor) -> torch.Tensor:
        """gradient: of this rank's loss with respect to the sum."""
        total = gradient.clone()
        distributed.all_reduce(total)
        return total


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """torch's BatchNorm2d, in training with mean and variance over the batches of all ranks; on a CPU.

    The mean over the ranks of its gradients, which DistributedDataParallel takes, is the gradient of the mean loss, as
    with torch's SyncBatchNorm.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The input (N, C, H, W), normalised; H and W may differ between ranks."""
        if not self.training:
            return super().forward(input)
        each = (1, -1, 1, 1)
        count = input.new_tensor(input.numel() / input.shape[1])
        distributed.all_reduce(count)
        mean = SumOverRanks.apply(input.sum((0, 2, 3))) / count
        centred = input - mean.view(each)
        variance = SumOverRanks.apply(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return centred * scale.view(each) + self.bias.view(each)


def synchronise(model: nn.Module, device: torch.device) -> nn.Module:
    """Let all batch normalisation of a model go over the batches of all ranks; returns the model, which is changed."""
    if device.type != "cpu":
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SyncedBatchNorm2d
    return model
