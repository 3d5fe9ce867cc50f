"""How ranks share a training: the order of the images."""

from types import SimpleNamespace

import numpy as np
import pytest
from mmdet.datasets.samplers import GroupSampler

from nuclei.training.sharing import SharedSampler, epoch_seed


@pytest.mark.parametrize(("images", "size", "count"), [(12, 1, 2), (7, 2, 2), (5, 2, 4), (3, 1, 8)])
def test_ranks_take_in_turn_the_batches_of_one_process(images, size, count):
    data = SimpleNamespace(flag=np.arange(images) % 3 // 2)  # wide ones and others
    np.random.seed(epoch_seed(5, 1))
    order = list(GroupSampler(data, size))
    wanted = [order[start : start + size] for start in range(0, len(order), size)]
    shares = []
    for rank in range(count):
        sampler = SharedSampler(data, size, count, rank, 5)
        sampler.set_epoch(1)
        np.random.seed(rank)
        share = list(sampler)
        assert len(share) == len(sampler) == -(-len(wanted) // count) * size
        assert np.random.rand() == np.random.RandomState(rank).rand()  # what the rank draws later is its own
        shares.append([share[start : start + size] for start in range(0, len(share), size)])
    found = [batch for step in zip(*shares, strict=True) for batch in step]
    assert found[: len(wanted)] == wanted
    assert found[len(wanted) :] == [wanted[place % len(wanted)] for place in range(len(found) - len(wanted))]


def test_seeds_of_ranks_differ_and_one_process_keeps_its_own():
    assert epoch_seed(2, 3) == 2_000_009
    seeds = {epoch_seed(seed, epoch, rank) for seed in range(3) for epoch in range(20) for rank in range(4)}
    assert len(seeds) == 3 * 20 * 4
