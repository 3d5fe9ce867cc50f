"""Hooks of the training loop: accumulated gradients, mixed precision, the state."""

import logging
import time

import pytest
import torch
from mmcv import Config
from mmcv.runner import EpochBasedRunner, Fp16OptimizerHook

from nuclei.training.hooks import EpochEnd, WithinEpoch
from nuclei.training.validation import Validation


class Line(torch.nn.Module):
    """A model of two weights whose loss is a mean over its batch."""

    def __init__(self):
        super().__init__()
        self.weights = torch.nn.Parameter(torch.tensor([1.0, -2.0]))

    def train_step(self, batch, _optimizer):
        loss = ((batch @ self.weights - 1) ** 2).mean()
        return {"loss": loss, "log_vars": {"loss": loss.item()}, "num_samples": len(batch)}


def fit(batch, epochs=2, **hook):
    """Weights after each epoch of Line on five rows, through mmcv's loop and the optimizer hook of a config."""
    rows = torch.arange(10, dtype=torch.float64).reshape(5, 2) / 10
    model, after = Line().double(), []
    runner = EpochBasedRunner(
        model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        logger=logging.getLogger("fit"),
        meta={},
        max_epochs=epochs,
    )
    runner.register_optimizer_hook({"grad_clip": None, **hook})
    runner.call_hook("before_run")
    for _ in range(epochs):
        runner.train(torch.utils.data.DataLoader(rows, batch_size=batch))
        after.append(model.weights.detach().clone())
    return after


def test_accumulated_steps_equal_those_of_larger_batches(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    large = fit(2)
    small = fit(1, type="GradientCumulativeOptimizerHook", cumulative_iters=2)
    for one, other in zip(large, small, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


@pytest.mark.parametrize("accumulate", [None, 2])
def test_mixed_precision_is_built_from_the_config(cell, accumulate):
    """mmdet hands optimizer_config to mmcv as it stands; the hook wraps the model and reads its loss scale back."""
    config = Config.fromfile(cell("half", precision="fp16", accumulate=accumulate))
    model = torch.nn.Module()
    model.fp16_enabled = False
    runner = EpochBasedRunner(
        model,
        optimizer=None,
        logger=logging.getLogger("half"),
        max_epochs=1,
        batch_processor=print,
        meta={"fp16": {"loss_scaler": torch.amp.GradScaler("cpu", init_scale=4.0).state_dict()}},
    )
    runner.register_optimizer_hook(config.optimizer_config)
    (hook,) = runner.hooks
    assert isinstance(hook, Fp16OptimizerHook)
    assert isinstance(hook, WithinEpoch) is bool(accumulate)
    hook.loss_scaler = torch.amp.GradScaler("cpu")  # a GPU's scaler is switched off here
    runner.call_hook("before_run")
    assert model.fp16_enabled
    assert hook.loss_scaler.state_dict()["scale"] == 4.0


def test_the_loss_scale_lives_in_the_state(cell, tmp_path):
    """EpochEnd keeps what mmcv's fp16 hook left in the runner's meta; mmcv loads it again without pickled code."""
    validation = Validation(Config.fromfile(cell("unvalidated", validate_every=0)), tmp_path, "cell")
    hook = EpochEnd(tmp_path, validation, {"best": 0, "metrics": [], "every": 0})
    model = Line()
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0).state_dict()
    runner = EpochBasedRunner(
        model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        logger=logging.getLogger("state"),
        meta={"fp16": {"loss_scaler": scaler}},
        max_epochs=2,
    )
    hook.after_train_epoch(runner)
    runner.meta = {}
    runner.resume(str(tmp_path / "last.pth"))
    assert runner.meta["fp16"]["loss_scaler"] == scaler
    assert torch.load(tmp_path / "last.pth", weights_only=True)["meta"]["fp16"]["loss_scaler"] == scaler
    assert runner.epoch == 1
