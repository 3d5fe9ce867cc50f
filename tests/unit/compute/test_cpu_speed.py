"""How fast this CPU multiplies matrices, on a clock that is given."""

import itertools

import pytest
import torch

from nuclei.compute import cpu_speed


def test_the_fastest_product_counts_and_the_threads_stay(monkeypatch):
    ticks = itertools.count()
    # the clock is read at the start, then three times a product: is there time left, before, after; the second of
    # three products takes a quarter of a second, the others take one
    lengths = [0, 0, 0, 1, 0, 0, 0.25, 0, 0, 1, 10]
    times = list(itertools.accumulate(lengths))
    monkeypatch.setattr(cpu_speed.time, "perf_counter", lambda: times[next(ticks)])
    threads = torch.get_num_threads()
    used = []
    monkeypatch.setattr(torch, "mm", lambda left, right: used.append((torch.get_num_threads(), left.dtype, left.shape)))
    assert cpu_speed.cpu_tflops(threads + 1, torch.bfloat16, seconds=5) == pytest.approx(2 * 1024**3 / 0.25 / 1e12)
    assert used == [(threads + 1, torch.bfloat16, (1024, 1024))] * 4  # one before the clock runs
    assert torch.get_num_threads() == threads
