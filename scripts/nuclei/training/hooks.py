"""Hooks of mmdet's training loop: seeding, progress lines and log, checkpoints, validation, clean stops.

A training has these files in its work folder:
  epoch_N.pth   weights after epoch N, of the epochs that are kept: the best ones, each n-th, and the last
  last.pth      state after the last finished epoch: weights, optimizer, a record of each epoch; a training goes on from
                it
  previous.pth  the same of the epoch before, for the case that last.pth is damaged or could not be written
  log.jsonl     one row for each part of an epoch (a tenth)
  validation/   predictions and scores of each validated epoch; see nuclei.training.validation
Every file appears by rename, and last.pth is written after the files that it speaks of. A kill at any moment therefore
loses at most the epoch under way; nuclei.training.resume says how a training goes on.
"""

import contextlib
import functools
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch
from mmcv.runner import HOOKS, GradientCumulativeFp16OptimizerHook, GradientCumulativeOptimizerHook, Hook
from mmcv.runner.checkpoint import get_state_dict, weights_to_cpu
from mmdet.apis import set_random_seed
from mmdet.datasets.builder import worker_init_fn
from mmdet.utils import build_dp

import nuclei.models.augmentation  # noqa: F401 - registers the steps that config.py names
from nuclei.common.files import sha256, write_text
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError
from nuclei.compute.ranks import Ranks, check_stop, first
from nuclei.models.checkpoints import epoch_of, write_tensors
from nuclei.models.time_budget import TimedRunner
from nuclei.training.kept_epochs import epochs_to_keep
from nuclei.training.outputs import log_rows, log_text
from nuclei.training.resume import LAST, PREVIOUS, weights_of
from nuclei.training.sharing import epoch_seed
from nuclei.training.types import EpochRecord, Keep, SavedMeta
from nuclei.training.validation import Validation


def save_checkpoint(
    path: Path, model: torch.nn.Module, meta: dict[str, Any] | SavedMeta, optimizer: torch.optim.Optimizer | None = None
) -> None:
    """Write a checkpoint in mmcv's form: {"meta", "state_dict"} and, with an optimizer, "optimizer".

    It holds no time stamps and no names that change, so that equal trainings give equal bytes.
    """
    content = {"meta": meta, "state_dict": weights_to_cpu(get_state_dict(model))}
    if optimizer is not None:
        content["optimizer"] = optimizer.state_dict()
    write_tensors(path, content)


def log_row(path: Path, **row: Any) -> None:
    """Append one row to log.jsonl."""
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


@HOOKS.register_module()
class EpochSeed(Hook):
    """Seed everything again before each epoch, so that a resumed training gives an unbroken one's weights, on a CPU."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def before_train_epoch(self, runner: Any) -> None:
        """Seed Python, numpy, torch and the loader's workers from (seed, epoch, rank)."""
        seed = epoch_seed(self.seed, runner.epoch, Ranks.rank)
        set_random_seed(seed)
        loader = runner.data_loader
        # mmdet gives workers the same seed each epoch, which would repeat the same augmentations
        loader.worker_init_fn = functools.partial(
            worker_init_fn, num_workers=loader.num_workers, rank=0, seed=(seed * 31) % 2**31
        )


class WithinEpoch:
    """Mixed into mmcv's hooks that sum the gradients of several iterations: the sums end with the epoch.

    The last step of an epoch takes the iterations that are left over. mmcv alone carries their gradients into the next
    epoch, where a resumed training would not have them.
    """

    cumulative_iters: int  # both are of mmcv's hook
    end_of_epoch: Callable[[Any], bool]

    def _init(self, runner: Any) -> None:
        self.initialized = True

    def _get_loss_factor(self, runner: Any) -> int:
        """The divisor of the loss of this iteration: the number of iterations whose gradients its step sums."""
        length = len(runner.data_loader)
        left = length % self.cumulative_iters
        return left if runner.inner_iter >= length - left else self.cumulative_iters

    def every_n_iters(self, runner: Any, n: int) -> bool:
        """Whether the optimizer makes a step after this iteration: after each n-th and after the last of the epoch."""
        return (runner.inner_iter + 1) % n == 0 or self.end_of_epoch(runner)


# They are registered under mmcv's names, so that mmdet's own tools can read config.py, too.
for original in (GradientCumulativeOptimizerHook, GradientCumulativeFp16OptimizerHook):
    HOOKS.register_module(
        name=original.__name__, force=True, module=type(original.__name__, (WithinEpoch, original), {})
    )


@contextlib.contextmanager
def memory_errors(label: str) -> Iterator[None]:
    """Turn a GPU's lack of memory into an InputError that names the images of the batch.

    label: name of the cell. The batch is that of the runner which Narrate saw last.
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        runner, where = Narrate.runner, "outside of a batch"
        if runner is not None and hasattr(runner, "data_batch"):
            metas, boxes = (runner.data_batch[key].data[0] for key in ("img_metas", "gt_bboxes"))
            images = ", ".join(
                f"{Path(meta['ori_filename']).name} ({len(of_image)} nuclei)"
                for meta, of_image in zip(metas, boxes, strict=True)
            )
            where = f"at epoch {runner.epoch + 1}, iteration {runner.inner_iter + 1}, {images}"
        raise InputError(
            f"{label}: out of GPU memory {where} ({str(error)[:120]}), wanted more; set training.checkpointing, "
            "lower training.gpu_assign_thr, set training.batch to 1 with training.accumulate, or training.precision "
            "to fp16; the last finished epoch is kept"
        ) from None


@HOOKS.register_module()
class Narrate(Hook):
    """Print progress lines with the time left, write log.jsonl, stop on a signal or where the loss is not finite.

    Of several ranks, rank 0 prints and writes; mmdet has taken the mean of each loss over all of them.
    log: path of log.jsonl. label: name of the cell in progress lines. rows_per_epoch: rows of log.jsonl, each with the
    mean losses since the row before.
    """

    runner: ClassVar[Any] = None  # the one that trains in this process, for memory_errors

    def __init__(self, log: Path | str, label: str, rows_per_epoch: int = 10) -> None:
        self.log, self.label, self.rows_per_epoch = Path(log), label, rows_per_epoch
        self.sums: dict[str, float] = {}
        self.count, self.since = 0, time.monotonic()

    def before_run(self, runner: Any) -> None:
        """Drop log rows of epochs that will be trained again."""
        Narrate.runner = runner
        if Ranks.rank == 0:
            write_text(self.log, log_text(list(log_rows(self.log, runner.epoch))))

    def before_train_epoch(self, runner: Any) -> None:
        """Start the progress line with the first epoch, and the clock of a log row with each epoch."""
        if not hasattr(self, "progress"):
            self.progress = Progress(self.label, 0, "iterations", done=runner.iter)
        self.since = time.monotonic()

    def after_train_iter(self, runner: Any) -> None:
        """Sum the losses and write a log row when one is due.

        Raises InputError where the loss is not finite, and Stopped after a signal.
        """
        values = runner.outputs["log_vars"]
        if not math.isfinite(values["loss"]):
            raise InputError(
                f"{self.label}: loss is {values['loss']} at epoch {runner.epoch + 1}, iteration "
                f"{runner.inner_iter + 1}, wanted a finite number; "
                "lower training.lr, lengthen training.warmup or set training.clip"
            )
        if Ranks.rank == 0:
            self.narrate(runner, values)
        check_stop()

    def narrate(self, runner: Any, values: dict[str, float]) -> None:
        """Sum the losses of an iteration, print the line and write the row that are due."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1
        here, length = runner.inner_iter + 1, len(runner.data_loader)
        rate = runner.current_lr()[0]
        loss = self.sums["loss"] / self.count
        self.progress.total = runner.max_epochs * length  # with training.minutes it is an estimate, which changes
        used = {"minutes_used": round(runner.seconds_used() / 60, 4)} if isinstance(runner, TimedRunner) else {}
        self.progress.step(extra=f", epoch {runner.epoch + 1}/{runner.max_epochs}, loss {loss:.3f}, lr {rate:.2g}")
        if here % max(1, length // self.rows_per_epoch) == 0 or here == length:
            means = {name: round(value / self.count, 6) for name, value in self.sums.items()}
            seconds = (time.monotonic() - self.since) / self.count
            log_row(
                self.log,
                mode="train",
                epoch=runner.epoch + 1,
                iter=here,
                lr=rate,
                seconds_per_iter=round(seconds, 4),
                **used,
                **means,
            )
            self.sums, self.count, self.since = {}, 0, time.monotonic()


def parallel(model: Any) -> Any:
    """The model that a runner trains, as mmdet's build_dp wraps it, for validation by each rank alone."""
    return build_dp(model.module, model.device.type, device_ids=[model.device.index or 0]) if Ranks.count > 1 else model


def remove_needless(work: Path, validation: Validation, keep: Keep, records: list[EpochRecord]) -> None:
    """Remove the weights of a work folder that do not stay. records: of all its finished epochs."""
    staying = epochs_to_keep(validation.rows(records, regular=True), keep["best"], keep["metrics"], keep["every"])
    for path in work.glob("epoch_*.pth"):
        if epoch_of(path) not in staying:
            path.unlink()


@HOOKS.register_module()
class EpochEnd(Hook):
    """After each epoch: save the weights and the state to resume from, validate, remove weights that do not stay.

    work: the work folder. validation: that of this training. keep: which epochs' weights stay. version: commit of the
    code. computed(): what the training computes by and with, for the records of epochs.
    """

    def __init__(
        self,
        work: Path | str,
        validation: Validation,
        keep: Keep,
        version: str = "unknown",
        computed: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self.work, self.validation, self.keep, self.version = Path(work), validation, keep, version
        self.computed = computed
        self.records: list[EpochRecord] = []
        self.start = time.monotonic()

    def before_run(self, runner: Any) -> None:
        """Take the records of the finished epochs from the state that is resumed."""
        self.records = list(((runner.meta or {}).get("nuclei") or {}).get("epochs", []))
        self.start = time.monotonic()

    def after_train_epoch(self, runner: Any) -> None:
        """Do what the class says; raise Stopped after a signal. Of several ranks, rank 0 alone writes."""
        epoch = runner.epoch + 1
        if Ranks.rank == 0:
            self.save(runner, epoch)
        check_stop()
        due = first(self.due, epoch)
        if due:
            self.validation.validate(parallel(runner.model), epoch, due)
        if Ranks.rank == 0:
            remove_needless(self.work, self.validation, self.keep, self.records)
        check_stop()
        self.start = time.monotonic()

    def due(self, epoch: int) -> str | None:
        """SHA-256 of the weights of the finished epoch, if it is to be validated."""
        weights = self.records[-1]["weights"]
        asked = self.validation.asks_for(epoch) and self.validation.scores(epoch, weights) is None
        return weights if asked else None

    def save(self, runner: Any, epoch: int) -> None:
        """Write the weights after an epoch, and the state to go on from."""
        weights = self.work / f"epoch_{epoch}.pth"
        write_tensors(weights, weights_of(epoch, weights_to_cpu(get_state_dict(runner.model)), self.validation.classes))
        record: EpochRecord = {
            "weights": sha256(weights),
            "seconds": time.monotonic() - self.start,
            "code_version": self.version,
            "computed": self.computed(),
        }
        if isinstance(runner, TimedRunner):
            record |= {"seconds": runner.spent[-1], "share": runner.share, "iterations": runner.iter}
            self.validation.epochs = epoch if runner.share >= 1 else None
        self.records = [*self.records, record]
        # runner.iter already counts this epoch's iterations: the hook runs after the last of them
        meta: SavedMeta = {"epoch": epoch, "iter": runner.iter, "nuclei": {"epochs": self.records}}
        if "fp16" in (runner.meta or {}):  # the loss scaler, which mmcv's hook reads back when resuming
            meta["fp16"] = runner.meta["fp16"]
        if (self.work / LAST).exists():
            os.replace(self.work / LAST, self.work / PREVIOUS)
        save_checkpoint(self.work / LAST, runner.model, meta, runner.optimizer)
