"""How the ranks of a training (nuclei.compute.ranks) share it: seeds, images, and gradients.

In an epoch, rank r of N takes the batches r, r + N, r + 2N, … of the very order in which one process alone would take
them, so step i of N ranks sees the images of the steps i*N to i*N + N - 1 of one process, as one that accumulates the
gradients of N iterations does. If N does not divide the number of batches, the first ones are seen twice. Each step
takes the mean gradient of all ranks.

Every model of models.yaml gives each parameter that learns a gradient in every step, also without a nucleus
(tests/unit/training/test_negatives.py). For one that does not, set mmdet's find_unused_parameters in training.options.
"""

import itertools
import os
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmcv.parallel import MODULE_WRAPPERS, scatter
from mmdet.datasets.samplers import GroupSampler
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from nuclei.compute.ranks import Ranks


def epoch_seed(seed: int, epoch: int, rank: int = 0) -> int:
    """Seed of an epoch (from 0 on). seed: the cell's. Ranks differ, as they augment other images in the same steps."""
    of_epoch = (seed * 1_000_003 + epoch) % 2**31
    return of_epoch if rank == 0 else int(np.random.SeedSequence([of_epoch, rank]).generate_state(1)[0] % 2**31)


class SharedSampler(GroupSampler):
    """A rank's share of mmdet's GroupSampler, with the arguments of mmdet's DistributedGroupSampler; see the module."""

    def __init__(self, dataset: Any, samples_per_gpu: int, num_replicas: int, rank: int, seed: int) -> None:
        super().__init__(dataset, samples_per_gpu)
        self.count, self.rank, self.seed, self.epoch = num_replicas, rank, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by mmcv's DistSamplerSeedHook before each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        before = np.random.get_state()
        np.random.seed(epoch_seed(self.seed, self.epoch))  # of rank 0, so that all share out the same order
        order, size = list(super().__iter__()), self.samples_per_gpu
        np.random.set_state(before)
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        share = itertools.islice(itertools.cycle(batches), self.rank, len(self) // size * self.count, self.count)
        return itertools.chain.from_iterable(share)

    def __len__(self) -> int:
        return -(-self.num_samples // self.samples_per_gpu // self.count) * self.samples_per_gpu


class TrainStep(nn.Module):
    """A training step of a detector as a module's forward(), which is what DistributedDataParallel wraps."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, batch: Any, optimizer: Any) -> Any:
        """As the detector's train_step()."""
        return self.detector.train_step(batch, optimizer)


@MODULE_WRAPPERS.register_module()
class SharedDetector(nn.Module):
    """A detector whose gradients are the mean over all ranks; for mmcv's runner, which calls train_step().

    It stands for mmcv-full 1.7.2's MMDistributedDataParallel, which needs private names of older torch versions.
    """

    def __init__(self, detector: nn.Module, device: torch.device, **options: Any) -> None:
        super().__init__()
        self.module = detector.to(device)
        self.device = device
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "`broadcast_buffers`", FutureWarning
            )  # torch 2.11 has no other name for it
            wrapped = DistributedDataParallel(TrainStep(self.module), **options)
        self.wrapped = [wrapped]  # in a list, so that the parameters are not found a second time under other names

    def train_step(self, batch: Any, optimizer: Any) -> Any:
        """Losses of a batch of this rank. The backward pass of `loss` then takes the gradients' mean over the ranks."""
        (batch,) = scatter(batch, [-1 if self.device.type == "cpu" else self.device.index])
        return self.wrapped[0](batch, optimizer)


def share() -> bool:
    """Let mmdet's train_detector share a training among the ranks as this module says; returns whether there are more.

    It replaces mmdet 2.28.2's own sampler, which gives each rank one long piece of the order, and its build_ddp, which
    takes no CPU and takes the GPU by its number.
    """
    if Ranks.count == 1:
        return False
    import mmdet.apis.train as train
    import mmdet.datasets.builder as builder

    def build(model: nn.Module, device: str, device_ids: object, **options: Any) -> SharedDetector:
        place = torch.device(device) if device == "cpu" else torch.device(device, torch.cuda.current_device())
        return SharedDetector(model, place, **options)

    os.environ["LOCAL_RANK"] = "0"  # train_detector reads it, and build() takes no notice
    train.build_ddp = build
    builder.DistributedGroupSampler = SharedSampler
    return True
