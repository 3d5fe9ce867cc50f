"""The processes that train one cell together: one for each card, or on a CPU each with threads of its own.

They are numbered from 0 (ranks). Each does the same in the same order, on its share of the images; rank 0 alone writes
files and says how far it is. run() starts them by torch.multiprocessing: it ends all when one of them fails, hands on
signals, waits as long as a clean stop takes, and gives on the exit status and the one line of the rank that failed.
torchrun would instead kill them 30 s after a signal, and end with a page about the failed process. Where srun started
this process as one of several tasks, on one node or on several, the tasks are the ranks.

Numbers for the processes' agreement go by gloo, also beside NCCL, which has the gradients; so a rank that waits for
another one keeps no GPU busy. A process that trains alone is rank 0 of 1, and nothing here costs it anything.
"""

from __future__ import annotations

import contextlib
import datetime
import io
import multiprocessing
import os
import pickle
import signal
import sys
import time
import warnings
from collections.abc import Callable
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuclei.common.stage import InputError, run_stage
from nuclei.compute.stop import Stopped, StopRequest

if TYPE_CHECKING:
    from torch.distributed import TCPStore
    from torch.multiprocessing import ProcessContext

TIMEOUT = datetime.timedelta(days=1)  # for a rank that validates or writes; the death of one ends all at once
GRACE = 5.0  # s that the others get to end by themselves after one rank has failed


class Ranks:
    """This process among those of its training. All state is on the class, since the group belongs to the process."""

    rank: int = 0
    count: int = 1
    store: TCPStore | None = None


def run(train: Callable[[], object], count: int, label: str) -> None:
    """Call train() in `count` processes together; in this one alone for 1.

    train: can be pickled for more than one. label: name of the cell in lines on stderr. Ends the process (SystemExit)
    where one of them fails, with its status; see the module.
    """
    if count == 1:
        train()
        return
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", 1))
    if tasks == 1:
        launch(train, count, label)
        return
    if tasks != count:
        raise InputError(f"compute.gpus: {count} found with {tasks} tasks of srun, wanted as many; correct one")
    job, step = (int(os.environ.get(name, 0)) for name in ("SLURM_JOB_ID", "SLURM_STEP_ID"))
    port = 15000 + (31 * job + step) % 15000  # below those that the system gives out, and another one for each step
    host = os.environ["SLURM_LAUNCH_NODE_IPADDR"]  # where the job's script runs, which is where task 0 runs
    join(int(os.environ["SLURM_PROCID"]), count, host, port, serves=os.environ["SLURM_PROCID"] == "0")
    member(train)


def launch(train: Callable[[], object], count: int, label: str) -> None:
    """run() on this machine: start the ranks, hand on signals, wait for all. The process itself trains nothing."""
    from torch.distributed import TCPStore
    from torch.multiprocessing import start_processes

    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # the machine's name need not have an address
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    # torch lets them get SIGINT, thus stop cleanly, where this process is killed
    arguments = train, count, store.port, multiprocessing.get_start_method()
    context = start_processes(start_member, arguments, nprocs=count, join=False)
    told = None
    while True:
        running = [process for process in context.processes if process.exitcode is None]
        if StopRequest.number is not None and StopRequest.number != told:
            told = StopRequest.number
            for process in running:
                os.kill(process.pid, told)
        if len(running) < count and any(process.exitcode for process in context.processes):
            sys.exit(failure(context, label))
        if not running:
            return
        wait([process.sentinel for process in running], timeout=0.5)


def failure(context: ProcessContext, label: str) -> int:
    """End all ranks after one has failed, and say why where no rank has said it. Returns the exit status for it."""
    end = time.monotonic() + GRACE
    for process in context.processes:
        process.join(max(0.0, end - time.monotonic()))
    ended = {rank: process.exitcode for rank, process in enumerate(context.processes) if process.exitcode}
    for process in context.processes:
        process.kill()
        process.join()
    # An InputError and a clean stop have said their line. Ranks that lose another one fail, too, by an exception.
    for status in (2, *(128 + number for number in StopRequest.SIGNALS)):
        if status in ended.values():
            return status
    if StopRequest.number is not None:  # it came while the ranks started
        print(f"{label}: {Stopped(StopRequest.number)}; run again to go on", file=sys.stderr)
        return 128 + StopRequest.number
    for rank, status in ended.items():
        if status < 0:
            name, count = signal.Signals(-status).name, len(context.processes)
            print(
                f"error: {label}: process {rank} of {count} was ended by {name}, wanted all to go on; all end: run "
                "again to go on from the last finished epoch, with a larger compute.mem_mb if memory was lacking",
                file=sys.stderr,
            )
            return 128 - status
    rank = min(ended)
    trace = Path(context.error_files[rank])
    print(pickle.loads(trace.read_bytes()) if trace.is_file() else f"process {rank} failed", file=sys.stderr)
    return 1


def start_member(rank: int, train: Callable[[], object], count: int, port: int, method: str) -> None:
    """What a process that launch() starts does. method: how it starts the processes that load its images."""
    StopRequest.install()
    multiprocessing.set_start_method(method, force=True)  # else as it was started itself, which takes seconds for each
    join(rank, count, "127.0.0.1", port)
    run_stage(lambda: member(train))


def join(rank: int, count: int, host: str, port: int, serves: bool = False) -> None:
    """Make this process a rank of a group. host, port: where the ranks meet. serves: whether they meet here."""
    import torch
    from torch import distributed

    Ranks.store = distributed.TCPStore(host, port, is_master=serves, wait_for_workers=False, timeout=TIMEOUT)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, store=Ranks.store, rank=rank, world_size=count, timeout=TIMEOUT)
    Ranks.rank, Ranks.count = rank, count
    if rank:  # rank 0 says the same
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - until the end
        warnings.simplefilter("ignore")


def member(train: Callable[[], object]) -> None:
    """Call train() as a rank. The first rank that fails says why; what the others then meet follows from it."""
    try:
        train()
    except Exception as error:
        if Ranks.store is not None and Ranks.store.add("failed", 1) > 1:
            sys.exit(2 if isinstance(error, InputError) else 1)
        raise


def leave() -> None:
    """End the group. All ranks call it at the same place; rank 0 is alone from then on."""
    if Ranks.count > 1:
        from torch import distributed

        distributed.destroy_process_group()
        Ranks.count = 1


def first(function: Callable[..., Any], *arguments: object) -> Any:
    """What function(*arguments) returns on rank 0, on every rank; only rank 0 calls it."""
    found = [function(*arguments) if Ranks.rank == 0 else None]
    if Ranks.count > 1:
        from torch import distributed

        distributed.broadcast_object_list(found, src=0)
    return found[0]


def gather(value: Any) -> list[Any]:
    """The value of each rank, in their order, on every rank."""
    if Ranks.count == 1:
        return [value]
    from torch import distributed

    found = [None] * Ranks.count
    distributed.all_gather_object(found, value)
    return found


def say(line: str) -> None:
    """Print a line on stderr, on rank 0 alone."""
    if Ranks.rank == 0:
        print(line, file=sys.stderr, flush=True)


def quiet() -> contextlib.AbstractContextManager[object]:
    """A context without stderr on all ranks but 0, for lines that are the same on each."""
    return contextlib.redirect_stderr(io.StringIO()) if Ranks.rank else contextlib.nullcontext()


def check_stop() -> None:
    """StopRequest.check(), on all ranks at the same place: all raise Stopped if a signal came to any of them."""
    if Ranks.count > 1:
        import torch
        from torch import distributed

        number = torch.tensor(StopRequest.number or 0)
        distributed.all_reduce(number, distributed.ReduceOp.MAX)
        if int(number):
            StopRequest.number = int(number)
    StopRequest.check()
