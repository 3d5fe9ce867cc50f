"""Ranks: real processes that agree, normalise together, and share out what they hold."""

import functools
import os
import pickle
import traceback
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.distributed import TCPStore
from torch.multiprocessing import start_processes

from nuclei.common.stage import InputError
from nuclei.compute import device, ranks
from nuclei.compute.locks import try_hold
from nuclei.compute.ranks import Ranks, check_stop, first, gather, join, leave, run
from nuclei.compute.stop import Stopped, StopRequest
from nuclei.compute.synced_norm import synchronise


def member(rank, work, count, port, folder):
    """A forked rank: work() as one of the group; its result, or the error's text, goes to a file."""
    join(rank, count, "127.0.0.1", port)
    try:
        found = work()
    except Exception:
        found = traceback.format_exc()
    leave()
    (folder / str(rank)).write_bytes(pickle.dumps(found))


@pytest.fixture
def together(tmp_path, monkeypatch):
    """Call a function in two forked processes together; returns the result of each."""
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")

    def call(work, count=2):
        store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        start_processes(member, (work, count, store.port, tmp_path), nprocs=count, start_method="fork")
        return [pickle.loads((tmp_path / str(rank)).read_bytes()) for rank in range(count)]

    return call


def agreement():
    StopRequest.number = 15 if Ranks.rank == 1 else None
    told = first(lambda: f"of {Ranks.rank}"), gather(Ranks.rank * 10)
    with pytest.raises(Stopped, match="stopped by SIGTERM"):
        check_stop()
    return told


def test_ranks_agree(together):
    assert together(agreement) == [("of 0", [0, 10])] * 2
    assert first(lambda a: a, 3) == 3 and gather(4) == [4]


def normalised(model, batches, losses):
    """What a model makes of a rank's batch, and the gradients and statistics that follow."""
    batch = batches[Ranks.rank].requires_grad_()
    found = model(batch)
    (found * losses[Ranks.rank]).sum().backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    return [found.detach(), batch.grad, *gradients, model.running_mean, model.running_var]


def test_batch_norm_over_all_ranks_is_that_of_one_large_batch(together):
    generator = torch.Generator().manual_seed(0)
    batches = [torch.randn(n, 3, 4, 5, generator=generator, dtype=torch.float64) * 3 + 100 for n in (1, 2)]
    weights = [torch.randn(batch.shape, generator=generator, dtype=torch.float64) for batch in batches]
    model = nn.BatchNorm2d(3).double()
    one, other = together(
        functools.partial(normalised, synchronise(nn.Sequential(model), torch.device("cpu"))[0], batches, weights)
    )
    whole = nn.BatchNorm2d(3).double()
    wanted = normalised(whole, [torch.cat(batches)], [torch.cat(weights)])
    for place in (0, 1):  # values and gradients of the images
        torch.testing.assert_close(torch.cat([one[place], other[place]]), wanted[place])
    for place in (2, 3):  # each rank has its part of the gradient of a parameter
        torch.testing.assert_close(one[place] + other[place], wanted[place])
    for place in (4, 5):
        torch.testing.assert_close(one[place], wanted[place])
        assert torch.equal(one[place], other[place])
    model.eval()
    assert torch.equal(model(batches[0]), nn.BatchNorm2d.forward(model, batches[0]))


def test_every_rank_holds_a_gpu_of_its_own(monkeypatch, tmp_path, capsys):
    def stop():
        raise InterruptedError

    monkeypatch.setattr(device, "LOCKS", tmp_path)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "set_device", lambda index: None)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "GPU")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=f"uuid-{index}"))
    seen, answers = ["uuid-0", "uuid-1", "uuid-2"], []

    def as_ranks(value):
        """Rank 1 of three on two machines, and what rank 0 told it."""
        answers.append(value)
        machine = os.uname().nodename
        first_of_all = [(machine, seen), (machine, seen), ("elsewhere", seen)]
        return first_of_all if len(answers) % 2 else [["uuid-2", "uuid-0"], [], ["uuid-1"]]

    monkeypatch.setattr(device, "gather", as_ranks)
    monkeypatch.setattr(Ranks, "rank", 1)
    assert device.claim_gpu(torch.device("cuda"), "job", stop)[0] == torch.device("cuda", 0)
    assert not list(tmp_path.glob("*/uuid-*"))  # rank 0 of this machine holds them
    monkeypatch.setattr(Ranks, "rank", 0)
    _, kept = device.claim_gpu(torch.device("cuda"), "job", stop)
    assert [name for name, _ in kept] == ["uuid-0", "uuid-1"]
    with pytest.raises(InterruptedError):
        device.claim_gpu(torch.device("cuda"), "job", stop)
    assert "job: no free GPU among 3, waits for 2\n" in capsys.readouterr().err
    (folder,) = tmp_path.iterdir()
    assert try_hold(folder / "uuid-2") and not try_hold(folder / "uuid-1")  # while it waits it keeps none
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    seen[:] = ["uuid-0"]
    answers.append(None)
    with pytest.raises(InputError, match="^compute.gpus: 2 processes on .*, torch finds 1 GPUs, wanted one for each;"):
        device.claim_gpu(torch.device("cuda"), "job", stop)


def test_tasks_of_srun_are_the_ranks(monkeypatch):
    joined = []
    monkeypatch.setattr(ranks, "join", lambda *place, **options: joined.append((place, options)))
    monkeypatch.setattr(ranks, "launch", lambda *_: pytest.fail("started processes"))
    for name, value in {
        "SLURM_STEP_NUM_TASKS": 4,
        "SLURM_PROCID": 3,
        "SLURM_JOB_ID": 1000,
        "SLURM_STEP_ID": 2,
        "SLURM_LAUNCH_NODE_IPADDR": "10.0.0.7",
    }.items():
        monkeypatch.setenv(name, str(value))
    trained = []
    run(lambda: trained.append(1), 4, "cell")
    assert joined == [((3, 4, "10.0.0.7", 15000 + 31002 % 15000), {"serves": False})] and trained == [1]
    with pytest.raises(InputError, match="^compute.gpus: 2 found with 4 tasks of srun, wanted as many;"):
        run(lambda: None, 2, "cell")
