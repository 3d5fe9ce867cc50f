"""Randomness by image and by batch, so that one process and several ranks draw the same; and failures of one rank.

A config.py that imports this module names SeedByImage in its pipeline and SeedByBatch among its hooks.
"""

import os
import random

import numpy as np
import torch
from mmcv.runner import HOOKS, Hook
from mmdet.datasets import PIPELINES

from nuclei.compute.ranks import Ranks


@PIPELINES.register_module()
class SeedByImage:
    """Augment an image in the same way whenever and wherever it is read."""

    def __call__(self, results):
        seed = sum(results["img_info"]["filename"].encode())
        random.seed(seed)
        np.random.seed(seed)
        return results


@HOOKS.register_module()
class SeedByBatch(Hook):
    """Seed torch by the batch's place in the epoch's order before each iteration.

    The variable FAIL, `rank epoch how`, lets a rank fail before the second iteration of an epoch: by a signal that it
    sends to itself (its number), or by `memory`.
    """

    def before_train_iter(self, runner):
        torch.manual_seed(1000 * runner.epoch + runner.inner_iter * Ranks.count + Ranks.rank)
        rank, epoch, how = os.environ.get("FAIL", "-1 0 0").split()
        if (int(rank), int(epoch), 1) == (Ranks.rank, runner.epoch + 1, runner.inner_iter):
            if how == "memory":
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")
            os.kill(os.getpid(), int(how))
