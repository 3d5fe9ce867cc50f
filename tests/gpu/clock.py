"""Takes the time of each part of each training step on a GPU, in any tool that trains by mmcv's loop and a config.py.

`custom_imports` of the config names this module, `custom_hooks` its hook; the environment variable CLOCK names the file
that is written. So the same config.py is measured in the same way on both sides. WITHOUT names switches of ours to
leave off. On a CPU the processor's clock stands in for the GPU's.
"""

import json
import os
import time
from functools import partial

import torch
from mmcv.runner import HOOKS, Hook
from mmdet.apis import set_random_seed
from mmdet.datasets.builder import worker_init_fn

from nuclei.compute import acceleration, card
from nuclei.compute.compat import patch_streams, quiet_amp

PARTS = ("data", "backbone and neck", "heads and losses", "backward", "optimizer")
SWITCHES = {
    "channels last": (acceleration, "use_channels_last"),
    "pinned batches": (card, "use_pinned_batches"),
    "fused steps": (card, "use_fused_steps"),
}

patch_streams()  # without it mmdet's tool ends on a GPU at its first batch
quiet_amp()
for switch in filter(None, os.environ.get("WITHOUT", "").split(",")):
    setattr(*SWITCHES[switch], lambda *_: False)


@HOOKS.register_module()
class DeviceClock(Hook):
    """Seeds the epoch and its workers, so that all tools see the same batches, and notes times and losses of its steps.

    A step goes from the end of the optimizer's last step to the end of its next. On a GPU its parts are what passes
    between events in the stream of its kernels, so nothing waits for the clock: data (with all other hooks), backbone
    and neck (with the copy of the batch to the GPU), heads and losses, backward (with clipping), optimizer. Its
    priority is to be above OptimizerHook's, and below that of what seeds otherwise.
    warm: number of first steps whose time does not count.
    """

    def __init__(self, seed, warm):
        self.seed, self.warm, self.marks, self.losses = seed, warm, [], []

    def mark(self, part):
        """Note that a part has ended now."""
        now = torch.cuda.Event(enable_timing=True) if self.on_gpu else time.perf_counter()
        if self.on_gpu:
            now.record()
        self.marks.append((len(self.losses), part, now))

    def before_run(self, runner):
        """Watch the optimizer, and the last module ahead of the heads."""
        self.on_gpu = torch.cuda.is_available()
        model = runner.model.module
        last = getattr(model, "neck", None) or model.backbone
        last.register_forward_hook(lambda *_: self.mark(PARTS[1]))
        runner.optimizer.register_step_pre_hook(lambda *_: self.mark(PARTS[3]))
        runner.optimizer.register_step_post_hook(lambda *_: self.mark(PARTS[4]))

    def before_train_epoch(self, runner):
        """Seed what shuffles and augments."""
        loader = runner.data_loader
        loader.worker_init_fn = partial(worker_init_fn, num_workers=loader.num_workers, rank=0, seed=self.seed)
        set_random_seed(self.seed)

    def before_train_iter(self, runner):
        """The batch is there."""
        self.mark(PARTS[0])

    def after_train_iter(self, runner):
        """The losses are there."""
        self.mark(PARTS[2])
        self.losses.append(dict(runner.outputs["log_vars"]))

    def seconds(self, first, second):
        """Seconds between two marks."""
        return first[2].elapsed_time(second[2]) / 1000 if self.on_gpu else second[2] - first[2]

    def switches(self, runner):
        """{name: whether it is on} of what makes a training faster."""
        return {
            "channels last": any(p.dim() == 4 and not p.is_contiguous() for p in runner.model.parameters()),
            "pinned batches": runner.data_loader.pin_memory,
            "fused steps": all(group.get("fused") for group in runner.optimizer.param_groups),
            "cudnn.benchmark": torch.backends.cudnn.benchmark,
            "TF32 in matrix products": torch.backends.cuda.matmul.allow_tf32,
        }

    def after_run(self, runner):
        """Write {"seconds" a step, "parts": {part: seconds a step}, "steps": [{"losses": {name: value}}], …}.

        "switches": those that were on, as the model, the optimizer, the loader and torch say.
        """
        if self.on_gpu:
            torch.cuda.synchronize()
        # Marks are numbered by the losses before them, so the optimizer's of step n, counted from 0, have n + 1. A step
        # of fp16 whose gradients are not finite has none.
        ends = [place for place, (step, part, _) in enumerate(self.marks) if part == PARTS[4] and step >= self.warm]
        timed = self.marks[ends[0] : ends[-1] + 1]
        parts = dict.fromkeys(PARTS, 0.0)
        for before, after in zip(timed, timed[1:], strict=False):
            parts[after[1]] += self.seconds(before, after)
        steps = timed[-1][0] - timed[0][0]
        found = {
            "seconds": self.seconds(timed[0], timed[-1]) / steps,
            "parts": {part: value / steps for part, value in parts.items()},
            "steps": [{"losses": losses} for losses in self.losses],
            "switches": [name for name, on in self.switches(runner).items() if on],
            "device": torch.cuda.get_device_name() if self.on_gpu else "cpu",
            "peak_memory_gb": torch.cuda.max_memory_allocated() / 1e9 if self.on_gpu else None,
        }
        with open(os.environ["CLOCK"], "w") as file:
            json.dump(found, file)
