"""A training that is given minutes instead of epochs: how many epochs it has, and how its learning rate falls.

With `training.minutes`, config.py names TimedRunner and the policy TimedCosine, which this module registers with mmcv.

The time that counts is that of the iterations of each epoch, with the loading of their images. Validation, the saving
of states and the start of the process do not count, so that the weights do not depend on when one validates, and how.

The rate is a cosine over the share of the schedule that is behind, from 0 to 1. Before each epoch, those that still fit
into the time are counted, by the median length of the last three epochs; the share then grows in equal steps over the
iterations, so that it would be 1 at the end of the last epoch that fits. If all epochs are of one length, the rates are
therefore those of `training.epochs` with as many epochs. In the first epoch its own length is estimated from its
iterations so far, again after 1, 2, 4, 8, … of them. The training ends when the share is 1; so its last rate is the
lowest, an epoch that would not fit is not begun, and up to one epoch's time stays unused. There are two exceptions: one
epoch is trained in any case; and where epochs become longer near the end, the last one is trained beyond the time,
because without it the rate would not have fallen.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from mmcv.runner import HOOKS, RUNNERS, EpochBasedRunner
from mmcv.runner.hooks.lr_updater import CosineAnnealingLrUpdaterHook, annealing_cos

from nuclei.compute.ranks import first

RECENT = 3  # epochs whose lengths say how long the next ones will be
ROUNDING = 1e-6  # of an epoch, so that epochs that fit exactly are not lost to the rounding of sums


def epochs_left(budget: float, spent: Sequence[float], share: float) -> int:
    """How many more epochs a training has.

    budget: s of the whole training. spent: s of each finished epoch, at least one. share: of the schedule that is
    behind, 0 to 1.

    >>> epochs_left(60, [10], 0.2), epochs_left(60, [10] * 5, 0.9), epochs_left(60, [10] * 4 + [15], 0.9)
    (5, 1, 1)
    >>> epochs_left(60, [10, 40], 0.5), epochs_left(60, [90], 1.0)
    (1, 0)
    """
    if share >= 1:
        return 0
    return max(1, int((budget - sum(spent)) / statistics.median(spent[-RECENT:]) + ROUNDING))


@RUNNERS.register_module()
class TimedRunner(EpochBasedRunner):
    """mmcv's runner with as many epochs as fit into a time; max_epochs is what is expected at the moment.

    minutes: of the whole training. spent: s of each finished epoch. share: of the schedule, 0 to 1, at the end of the
    last finished epoch. clock(): s. The rest is what mmcv's runner takes.
    """

    def __init__(
        self, *arguments: Any, minutes: float, clock: Callable[[], float] = time.monotonic, **options: Any
    ) -> None:
        super().__init__(*arguments, max_epochs=1, **options)
        self.minutes, self.clock = minutes, clock
        self.spent: list[float] = []
        self.share = 0.0
        self.began = clock()
        self.line = (0, 0.0, 0.0)  # iteration of this epoch, share at it, share at the epoch's end

    def go_on(self) -> None:
        """Take the time and the share of finished epochs from the state that is resumed."""
        records = ((self.meta or {}).get("nuclei") or {}).get("epochs", [])
        self.spent = [record["seconds"] for record in records]
        if records:
            self.share = records[-1]["share"]
            self.expect(epochs_left(60 * self.minutes, self.spent, self.share))

    def seconds_used(self) -> float:
        """s that count so far, those of the epoch under way included."""
        return sum(self.spent) + self.clock() - self.began

    def epoch_seconds(self) -> float:
        """s of this epoch so far, by the clock of rank 0: rates and ends must be the same on all ranks."""
        return first(lambda: self.clock() - self.began)

    def expect(self, left: int) -> None:
        """Set how many epochs are expected from this one on."""
        self._max_epochs = self.epoch + left

    def begin_epoch(self) -> None:
        """Start the clock, and plan the part of the schedule that this epoch goes through."""
        self.began = self.clock()
        self.line = (0, self.share, self.share)
        if self.spent:
            left = epochs_left(60 * self.minutes, self.spent, self.share)
            self.line = (0, self.share, 1.0 if left == 1 else self.share + (1 - self.share) / left)
            self.expect(left)

    def estimate(self) -> None:
        """In the first epoch, after 1, 2, 4, … iterations: plan it by the time that they took."""
        done = self.inner_iter
        if self.spent or not done or done & (done - 1):
            return
        length = self.epoch_seconds() / done * len(self.data_loader)
        left = epochs_left(60 * self.minutes + length, [length], 0.0)
        here = self.share_now()
        self.line = (done, here, max(here, 1 / left))
        self.expect(left)

    def share_now(self) -> float:
        """Share of the schedule at this iteration, 0 to 1."""
        start, low, high = self.line
        return low + (high - low) * (self.inner_iter - start) / (len(self.data_loader) - start)

    def end_epoch(self) -> None:
        """Stop the clock, and count the epochs that are left."""
        self.spent.append(self.epoch_seconds())
        self.share = self.line[2]
        self.expect(1 + epochs_left(60 * self.minutes, self.spent, self.share))


@HOOKS.register_module()
class TimedCosineLrUpdaterHook(CosineAnnealingLrUpdaterHook):
    """mmcv's cosine with its warm-up, over the share of the schedule of a TimedRunner instead of all iterations.

    mmcv calls the hook of the rate before all others, so the clock stops before weights are saved and validated.
    """

    def before_run(self, runner: TimedRunner) -> None:
        super().before_run(runner)
        runner.go_on()

    def before_train_epoch(self, runner: TimedRunner) -> None:
        runner.begin_epoch()
        super().before_train_epoch(runner)

    def before_train_iter(self, runner: TimedRunner) -> None:
        runner.estimate()
        super().before_train_iter(runner)

    def after_train_epoch(self, runner: TimedRunner) -> None:
        runner.end_epoch()

    def get_lr(self, runner: TimedRunner, base_lr: float) -> float:
        """The rate without warm-up."""
        return float(annealing_cos(base_lr, base_lr * self.min_lr_ratio, runner.share_now()))
