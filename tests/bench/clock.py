"""Takes the time of each part of each training step, in any tool that trains by mmcv's loop and reads a config.py.

`custom_imports` of the config names this module, `custom_hooks` its hook; the environment variable CLOCK names the file
that the steps are written to. So the same config.py is measured in the same way on both sides.
"""

import json
import os
import time

from mmcv.runner import HOOKS, Hook
from mmdet.apis import set_random_seed

PARTS = ("data", "forward", "backward", "optimizer")


@HOOKS.register_module()
class Clock(Hook):
    """Seeds the epoch, so that all tools see the same batches, and notes times and losses of its steps.

    A step goes from the end of the optimizer's last step to the end of its next: data (with all other hooks), forward
    (with the losses), backward (with clipping), optimizer. Its priority is to be above OptimizerHook's, and below that
    of what seeds otherwise.
    """

    def __init__(self, seed):
        self.seed, self.steps, self.step = seed, [], {}

    def note(self, part):
        """Note [wall, CPU of all threads] seconds since the last note as those of `part`."""
        now = time.perf_counter(), time.process_time()
        self.step[part] = [after - before for after, before in zip(now, self.last, strict=True)]
        self.last = now

    def before_run(self, runner):
        """Watch the optimizer."""
        runner.optimizer.register_step_pre_hook(lambda *_: self.note("backward"))
        runner.optimizer.register_step_post_hook(lambda *_: self.end())

    def before_train_epoch(self, runner):
        """Seed what shuffles and augments, and start the clock."""
        set_random_seed(self.seed)
        self.last = time.perf_counter(), time.process_time()

    def before_train_iter(self, runner):
        """The batch is there."""
        self.note("data")

    def after_train_iter(self, runner):
        """The losses are there."""
        self.note("forward")
        self.step["losses"] = dict(runner.outputs["log_vars"])

    def end(self):
        """The weights are changed."""
        self.note("optimizer")
        self.steps.append(self.step)
        self.step = {}

    def after_run(self, runner):
        """Write the steps: [{part: [wall s, CPU s], "losses": {name: value}}]."""
        with open(os.environ["CLOCK"], "w") as file:
            json.dump(self.steps, file)
