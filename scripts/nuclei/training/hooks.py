"""Hooks that make mmdet's training loop seeded, resumable, bounded in disk use and legible.

State of a training in its work folder:
  epoch_N.pth   weights after epoch N (kept: best k by the named scores, every n-th, the last)
  last.pth      weights, optimizer and the score table after the last finished epoch: what a training goes on from
  previous.pth  the same of the epoch before, for when last.pth is damaged or could not be written
  log.jsonl     a row for each stretch of training and each validation
Every file appears by rename; `last.pth` is written after what it speaks of, so a kill at any moment loses
at most the epoch under way.
"""

import contextlib
import functools
import json
import math
import os
import sys
import time
from pathlib import Path

import torch
from mmcv.runner import HOOKS, GradientCumulativeFp16OptimizerHook, GradientCumulativeOptimizerHook, Hook
from mmcv.runner.checkpoint import get_state_dict, weights_to_cpu
from mmdet.apis import set_random_seed
from mmdet.datasets import build_dataset
from mmdet.datasets.builder import worker_init_fn

import nuclei.models.augmentation  # noqa: F401 - its steps, by name in config.py
from nuclei.common.files import whole_file
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError
from nuclei.compute.stop import StopRequest
from nuclei.models.checkpoints import epoch_of, write_tensors
from nuclei.prediction.single_look import predict
from nuclei.scoring.average_precision import score
from nuclei.scoring.names import NAMES
from nuclei.training.kept_epochs import epochs_to_keep
from nuclei.training.resume import LAST, PREVIOUS


def save_checkpoint(path, model, meta, optimizer=None):
    """Write a checkpoint in mmcv's form; equal training gives equal bytes (no time stamps, fixed names)."""
    content = {"meta": meta, "state_dict": weights_to_cpu(get_state_dict(model))}
    if optimizer is not None:
        content["optimizer"] = optimizer.state_dict()
    write_tensors(path, content)


def log_row(path, **row):
    """Append one row to log.jsonl."""
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


@HOOKS.register_module()
class EpochSeed(Hook):
    """Seed everything anew before each epoch, so that resuming at an epoch equals never having stopped."""

    def __init__(self, seed):
        self.seed = seed

    def before_train_epoch(self, runner):
        """Seed Python, numpy, torch and the loader's workers from (seed, epoch)."""
        seed = (self.seed * 1_000_003 + runner.epoch) % 2**31
        set_random_seed(seed)
        loader = runner.data_loader
        # mmdet gives workers the same seed each epoch, which would repeat the same augmentations
        loader.worker_init_fn = functools.partial(
            worker_init_fn, num_workers=loader.num_workers, rank=0, seed=(seed * 31) % 2**31
        )


class WithinEpoch:
    """Makes mmcv's accumulation end with the epoch: its last step takes what is left over.

    mmcv carries left-over gradients into the next epoch, where a resumed training does not have them.
    """

    def _init(self, runner):
        self.initialized = True

    def _get_loss_factor(self, runner):
        length = len(runner.data_loader)
        left = length % self.cumulative_iters
        return left if runner.inner_iter >= length - left else self.cumulative_iters

    def every_n_iters(self, runner, n):
        """Whether a step is due after this iteration."""
        return (runner.inner_iter + 1) % n == 0 or self.end_of_epoch(runner)


# Under mmcv's names, so that config.py stays one that mmdet's own tools read.
for original in (GradientCumulativeOptimizerHook, GradientCumulativeFp16OptimizerHook):
    HOOKS.register_module(
        name=original.__name__, force=True, module=type(original.__name__, (WithinEpoch, original), {})
    )


@contextlib.contextmanager
def memory_errors(label):
    """Turn a GPU's lack of memory into an InputError that names the batch of the runner that Narrate saw last."""
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
    """Progress lines with ETA, rows in log.jsonl, clean stop on a signal, an error where the loss is not finite."""

    runner = None  # the one that trains in this process, for memory_errors

    def __init__(self, log, label, rows_per_epoch=10):
        self.log, self.label, self.rows_per_epoch = Path(log), label, rows_per_epoch
        self.sums, self.count, self.since = {}, 0, None

    def before_run(self, runner):
        """Drop log rows of epochs that will be trained again."""
        Narrate.runner = runner
        rows = self.log.read_text().splitlines() if self.log.exists() else []
        kept = []
        for row in rows:
            try:
                if json.loads(row)["epoch"] <= runner.epoch:
                    kept.append(row)
            except ValueError:  # half a line, left by a kill
                break
        with whole_file(self.log) as temporary:
            temporary.write_text("".join(row + "\n" for row in kept))

    def before_train_epoch(self, runner):
        """Start the progress line of a run, the clock of an epoch."""
        total = runner.max_epochs * len(runner.data_loader)
        if not hasattr(self, "progress"):
            self.progress = Progress(self.label, total, "iterations", done=runner.iter)
        self.since = time.monotonic()

    def after_train_iter(self, runner):
        """Sum the losses; stop on NaN or a signal."""
        values = runner.outputs["log_vars"]
        if not math.isfinite(values["loss"]):
            raise InputError(
                f"{self.label}: loss is {values['loss']} at epoch {runner.epoch + 1}, iteration "
                f"{runner.inner_iter + 1}, wanted a finite number; "
                "lower training.lr, lengthen training.warmup or set training.clip"
            )
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1
        here, length = runner.inner_iter + 1, len(runner.data_loader)
        rate = runner.current_lr()[0]
        loss = self.sums["loss"] / self.count
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
                **means,
            )
            self.sums, self.count, self.since = {}, 0, time.monotonic()
        StopRequest.check()


@HOOKS.register_module()
class EpochEnd(Hook):
    """After each epoch: validate, save weights, save the state to resume from, remove what is not to be kept."""

    def __init__(self, work, validation, keep, label, every, workers=0, version="unknown"):
        self.work, self.keep, self.label, self.every = Path(work), keep, label, every
        self.workers, self.version = workers, version
        self.dataset = build_dataset(validation, dict(test_mode=True)) if every else None
        self.log = self.work / "log.jsonl"
        self.rows, self.seconds, self.start = [], 0.0, time.monotonic()

    def before_run(self, runner):
        """Take the score table and the time spent from the state that is resumed."""
        state = (runner.meta or {}).get("nuclei") or {}
        self.rows, self.seconds = list(state.get("rows", [])), state.get("seconds", 0.0)
        self.start = time.monotonic()

    def after_train_epoch(self, runner):
        """See the class."""
        epoch = runner.epoch + 1
        row = {"epoch": epoch, **dict.fromkeys(NAMES)}
        if self.every and (epoch % self.every == 0 or epoch == runner.max_epochs):
            row.update(self.validate(runner, epoch))
        rows = [*self.rows, row]
        keep = epochs_to_keep(rows, self.keep["best"], self.keep["metrics"], self.keep["every"])
        save_checkpoint(self.work / f"epoch_{epoch}.pth", runner.model, {"epoch": epoch, "CLASSES": ("nucleus",)})
        meta = {
            "epoch": epoch,
            "iter": runner.iter,
            "nuclei": {
                "rows": rows,
                "seconds": self.seconds + time.monotonic() - self.start,
                "code_version": self.version,
            },
        }
        if "fp16" in (runner.meta or {}):  # the loss scaler, which mmcv's hook reads back when resuming
            meta["fp16"] = runner.meta["fp16"]
        if (self.work / LAST).exists():
            os.replace(self.work / LAST, self.work / PREVIOUS)
        # runner.iter already counts this epoch's iterations: the hook runs after the last of them
        save_checkpoint(self.work / LAST, runner.model, meta, runner.optimizer)
        self.rows = rows
        for path in self.work.glob("epoch_*.pth"):
            if epoch_of(path) not in keep:
                path.unlink()
        StopRequest.check()

    def validate(self, runner, epoch):
        """Scores of the validation images under all metrics and caps."""
        found = predict(
            runner.model,
            self.dataset,
            self.workers,
            label=f"{self.label} validation, epoch {epoch}:",
            between=StopRequest.check,
        )
        scores = score(self.dataset.coco.dataset, found, per_image=False)
        scores = {name: scores[name] for name in NAMES}
        line = ", ".join(f"{name} {scores[name]:.4f}" for name in ("ap50_100", "ap_100", "ap50_1000", "ap_1000"))
        print(f"{self.label} epoch {epoch}/{runner.max_epochs}: validation {line}", file=sys.stderr, flush=True)
        log_row(self.log, mode="val", epoch=epoch, **scores)
        return scores
