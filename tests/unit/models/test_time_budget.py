"""Trainings by time, with a clock that the test moves: against mmcv's own cosine, and over stops and resumes."""

import logging
import multiprocessing
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.runner import EpochBasedRunner
from torch.distributed import TCPStore

from nuclei.compute.ranks import join, leave
from nuclei.models.time_budget import TimedRunner

ITERATIONS = 8  # of an epoch
WARM_UP = dict(warmup="linear", warmup_iters=5, warmup_ratio=0.1, min_lr_ratio=0.01, by_epoch=False)


class Clock:
    """Moves by an iteration's length whenever one is done; lengths: s, by epoch, the last one of all later ones."""

    def __init__(self, lengths):
        self.lengths, self.now = lengths, 0.0

    def move(self, epoch):
        self.now += self.lengths[min(epoch, len(self.lengths) - 1)] / ITERATIONS


class Nothing(torch.nn.Module):
    """A model whose step only moves the clock and notes the rate; runner: set once it is there."""

    def __init__(self, clock):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.clock, self.rates, self.shares = clock, [], []

    def train_step(self, _batch, optimizer):
        self.rates.append(optimizer.param_groups[0]["lr"])
        if self.clock:
            self.clock.move(self.runner.epoch)
        return {"loss": self.weight.sum(), "num_samples": 1}


def fit(policy="TimedCosine", kind=TimedRunner, clock=None, records=(), iterations=ITERATIONS, **options):
    """(runner, rates) after a whole training of Nothing with a rate of 1; records: of epochs that are done already."""
    model = Nothing(clock)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    if clock:
        options["clock"] = lambda: clock.now
    runner = model.runner = kind(model, optimizer=optimizer, logger=logging.getLogger("fit"), **options)
    runner.meta = {"nuclei": {"epochs": list(records)}}
    runner._epoch, runner._iter = len(records), len(records) * iterations
    runner.register_lr_hook({"policy": policy, **WARM_UP})
    runner.logger.setLevel("ERROR")
    runner.run([range(iterations)], [("train", 1)])
    return runner, model.rates


@pytest.fixture(autouse=True, scope="module")
def no_sleep():
    """mmcv sleeps between epochs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", lambda seconds: None)
        yield


@pytest.mark.parametrize("epochs", [1, 2, 7])
def test_epochs_of_one_length_have_mmcvs_cosine_over_as_many_epochs(epochs):
    """6.5 s are too little for one more. In the first epoch nothing is known before its first iteration has ended."""
    runner, rates = fit(clock=Clock([10.0]), minutes=(10 * epochs + 6.5) / 60)
    _, wanted = fit("CosineAnnealing", EpochBasedRunner, max_epochs=epochs)
    assert (runner.epoch, runner.share, runner.spent) == (epochs, 1.0, [10.0] * epochs)
    assert rates[ITERATIONS:] == pytest.approx(wanted[ITERATIONS:], abs=1e-12)
    assert rates[1:ITERATIONS] == pytest.approx(wanted[1:ITERATIONS], abs=0.2 / epochs**2)


def test_the_number_of_epochs_follows_their_lengths():
    # after a slow first epoch, as on a GPU, there is room for more than 100 / 30 = 3
    runner, _ = fit(clock=Clock([30.0, 20.0]), minutes=100 / 60)
    assert runner.spent == [30.0, 20.0, 20.0, 20.0]
    # seven more seemed to fit when the epochs become slow; the third slow one begins with 20 s left, for the rate
    runner, _ = fit(clock=Clock([10.0, 10.0, 10.0, 25.0]), minutes=100 / 60)
    assert (runner.spent, runner.share) == ([10.0, 10.0, 10.0, 25.0, 25.0, 25.0], 1.0)
    # a single slow epoch changes nothing but the number of those that fit, of 10 - 4
    runner, _ = fit(clock=Clock([10.0, 10.0, 50.0, 10.0]), minutes=100 / 60)
    assert runner.spent == [10.0, 10.0, 50.0, 10.0, 10.0, 10.0]
    # one epoch is trained in any case, whose rate falls to its end
    runner, rates = fit(clock=Clock([90.0]), minutes=1)
    assert (runner.spent, runner.share) == ([90.0], 1.0)
    assert rates[-1] < 0.1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(1, 9), min_size=1, max_size=12),
    st.floats(0.5, 80),
)
def test_any_lengths(lengths, seconds):
    """The rate never rises after the warm-up and ends at its least; at most one epoch begins after the time."""
    runner, rates = fit(clock=Clock(lengths), minutes=seconds / 60)
    falling = rates[WARM_UP["warmup_iters"] :]
    assert all(after <= before + 1e-12 for before, after in zip(falling, falling[1:], strict=False))
    assert runner.share == 1.0 and len(runner.spent) == runner.epoch
    assert sum(runner.spent[:-2]) < seconds
    # the last iteration is a step away from the end, as with mmcv's own cosine
    step = runner.line[2] - runner.line[1]
    assert rates[-1] <= 0.01 + 0.99 * (1 + torch.cos(torch.tensor(torch.pi * (1 - step / 4)))) / 2 or runner.epoch == 1


@pytest.mark.parametrize("done", [1, 2, 3])
def test_a_resumed_training_goes_on_with_the_time_that_was_left(done):
    lengths = [12.0, 10.0, 8.0, 11.0]
    whole, wanted = fit(clock=Clock(lengths), minutes=1)
    shares = []

    class Noted(TimedRunner):
        def end_epoch(self):
            super().end_epoch()
            shares.append(self.share)

    fit(kind=Noted, clock=Clock(lengths), minutes=1)
    records = [{"seconds": seconds, "share": share} for seconds, share in zip(whole.spent, shares, strict=True)]
    runner, rates = fit(clock=Clock(lengths), minutes=1, records=records[:done])
    assert runner.spent == whole.spent
    assert rates == wanted[done * ITERATIONS :]


def member(rank, port, answers):
    """One of two processes, of which the second is slower."""
    join(rank, 2, "127.0.0.1", port)
    runner, rates = fit(clock=Clock([10.0 + 5 * rank]), minutes=1)
    answers.put((runner.spent, rates))
    leave()


def test_processes_that_train_together_take_the_time_of_the_first(monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    context = multiprocessing.get_context("fork")
    answers, store = context.Queue(), TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    processes = [context.Process(target=member, args=(rank, store.port, answers)) for rank in range(2)]
    for process in processes:
        process.start()
    one, other = (answers.get(timeout=60) for _ in processes)
    assert one == other and one[0] == [10.0] * 6
    for process in processes:
        process.join()
