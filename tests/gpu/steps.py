"""Steps and inferences of a Subject on a device, as training and prediction make them, with their time and memory."""

import contextlib
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from mmcv.runner import HOOKS, Hook, wrap_fp16_model
from mmdet.apis import train_detector
from mmdet.datasets import build_dataset
from mmdet.utils import build_dp

import nuclei.training.hooks  # noqa: F401 - registers the hooks of accumulated gradients
from gpu.devices import peak_gb, start_peak, wait_for
from gpu.subjects import BATCH, Choices
from nuclei.compute.compat import patch_epoch_sleep, patch_points, patch_streams, quiet_amp
from nuclei.compute.precision import precision, set_tf32
from nuclei.prediction.single_look import predict
from nuclei.training.loop import use_device


class Items:
    """A data set that gives the same items in turn, whatever it is asked for, `steps` times."""

    def __init__(self, items, steps):
        self.items, self.length, self.given = items, len(items) * steps, 0
        self.flag = np.zeros(self.length, np.uint8)  # for mmdet's sampler: all images have one form

    def __len__(self):
        return self.length

    def __getitem__(self, _):
        self.given += 1
        return self.items[(self.given - 1) % len(self.items)]


@dataclass
class Steps:
    """What some steps were.

    losses: of each, by name. seconds: of each. reached: share of trainable tensors with a gradient that is finite and
    not all zero, in the last step. moved: share of those that the steps changed. model: the detector, trained.
    """

    model: Any
    losses: list[dict[str, float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    reached: float = 0.0
    moved: float = 0.0
    peak_gb: float | None = None

    @property
    def per_step(self):
        """Seconds of a step, the first left out, in which the device warms up."""
        return statistics.median(self.seconds[1:])


def has_gradient(value):
    """Whether a parameter's gradient is finite and not all zero."""
    return value.grad is not None and bool(torch.isfinite(value.grad).all()) and bool(value.grad.any())


@HOOKS.register_module()
class Watch(Hook):
    """Takes the losses and the time of each step, from the batch in memory to the changed weights.

    The first step makes the choices of the CPU's reference. steps, device, proposals: of the training under way; on the
    class, since mmdet copies what a config holds.
    """

    steps: ClassVar[Any] = None
    device: ClassVar[Any] = None
    proposals: ClassVar[Any] = None

    def before_train_iter(self, runner):
        """Start the clock."""
        self.choices = contextlib.ExitStack()
        if not self.steps.losses:
            self.choices.enter_context(Choices(self.steps.model, self.proposals))
        wait_for(self.device)
        self.start = time.perf_counter()

    def after_train_iter(self, runner):
        """The weights are changed."""
        wait_for(self.device)
        self.steps.seconds.append(time.perf_counter() - self.start)
        self.steps.losses.append(dict(runner.outputs["log_vars"]))
        self.choices.close()

    def after_train_epoch(self, runner):
        """Look at the gradients, which are there until the next step."""
        reached = [has_gradient(value) for value in self.steps.model.parameters() if value.requires_grad]
        self.steps.reached = sum(reached) / len(reached)


def train(subject, device, config, steps, proposals):
    """The Steps of a training of a Subject by mmdet's loop, as nuclei.training.loop.fit sets it up.

    config: resolved, changed in place. proposals: of the first step, see Choices. The model is as on a card also where
    the device is a CPU, which so computes by mmcv's own operators and not by those of nuclei.compute.acceleration.
    """
    set_tf32(config.get("tf32", False))
    model = subject.fresh()
    found = Steps(model)
    Watch.steps, Watch.device, Watch.proposals = found, device, proposals
    use_device(model, config, torch.device("cuda"))
    config.update(
        device=device.type,
        gpu_ids=[device.index or 0],
        log_level="WARNING",
        work_dir=str(Path(subject.paths["train"]["annotations"]).parent),
    )
    config.checkpoint_config, config.log_config, config.resume_from, config.load_from = None, None, None, None
    config.custom_hooks = [dict(type="Watch", priority="LOWEST")]
    patch_streams()
    patch_points()
    quiet_amp()
    patch_epoch_sleep()
    start_peak(device)
    items = subject.items[: config.data.samples_per_gpu]
    train_detector(model, Items(items, steps), config, validate=False, meta={})
    found.peak_gb = peak_gb(device)
    before = dict(subject.model.named_parameters())
    moved = [
        not torch.equal(value.detach().float().cpu(), before[name].detach())
        for name, value in model.named_parameters()
        if value.requires_grad
    ]
    found.moved = sum(moved) / len(moved)
    return found


@dataclass
class Looks:
    """Predictions of the two images. seconds: of the second, which the first warms up for."""

    results: list[dict]
    seconds: float
    peak_gb: float | None


def look(subject, device, config, model):
    """Predict by the Subject's first weights, as nuclei.prediction.ready_model prepares a model; returns Looks.

    model: one that was trained, which is used again.
    """
    model.load_state_dict(subject.model.state_dict())
    if precision(config) == "fp16":
        wrap_fp16_model(model)
    set_tf32(config.get("tf32", False))
    dataset = build_dataset(config.data.test, dict(test_mode=True))
    wrapped = build_dp(model, device.type, device_ids=[device.index or 0])
    times = []

    def note():
        wait_for(device)
        times.append(time.perf_counter())

    start_peak(device)
    results = predict(wrapped, dataset, between=note)
    assert len(times) == BATCH
    return Looks(results, times[1] - times[0], peak_gb(device))
