"""The device that a stage computes on: found, claimed among concurrent jobs, its state described."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from nuclei.common.stage import InputError
from nuclei.compute.locks import hold_each, own_folder
from nuclei.compute.memory import ask_for_large_pages, keep_freed_memory
from nuclei.compute.precision import check_precision, precision, set_tf32
from nuclei.compute.ranks import Ranks, gather

if TYPE_CHECKING:
    import mmcv
    import torch

# Where the locks of GPUs lie, in a folder for each user. It depends neither on TMPDIR, which cluster engines set for
# each job, nor on XDG_RUNTIME_DIR, which is there in some sessions of a user and goes with the last of them.
LOCKS = Path("/tmp")


class DeviceState(TypedDict):
    """What training.json says of the device; the last four keys are there for a GPU alone."""

    precision: str  # fp32, fp16 or bf16
    tf32_matmul: bool
    tf32_cudnn: bool
    cudnn: int | None  # version, as torch counts it; None where torch has no cuDNN
    cudnn_benchmark: bool
    cudnn_deterministic: bool
    gpu_mb: NotRequired[int]  # memory of the GPU, MiB
    gpu_peak_mb: NotRequired[int]  # most memory that tensors took at any time, MiB
    cuda: NotRequired[str | None]  # version that torch was built for
    driver: NotRequired[str]


def hide_gpus(name: str) -> None:
    """Hide all GPUs from this process if the device asked for is `cpu`. Call it before torch is imported.

    Otherwise torch's DataParallel (2.14.1), which mmdet wraps each model in, would move the model to a GPU wherever it
    sees one.
    """
    if name == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def find_device(name: str) -> torch.device:
    """The torch.device for auto (a GPU where there is one), cpu, cuda or cuda:N.

    Raises InputError where `name` is no device, or names a GPU that torch does not find.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"compute.device: {name!r} is no device, wanted auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"compute.device: {name} asked for, torch finds {torch.cuda.device_count()} GPUs; set it to auto or cpu"
        )
    return device


def claim_gpu(
    device: torch.device, label: str, between: Callable[[], object] = lambda: None
) -> tuple[torch.device, object]:
    """Hold the GPU `device` against other jobs of this user, and make it torch's current one; wait while it is taken.

    device: without an index, the first free GPU is taken; a CPU is returned as it is, with None. label: start of lines
    on stderr. between(): called while waiting; it may raise to stop the wait.
    Returns (torch.device with its index, locks that must stay referenced as long as the GPU is used). Raises InputError
    where the folder of the locks is not this user's own, or where there are fewer GPUs than ranks.
    The locks are named by the GPUs' UUIDs and not by their numbers: CUDA_VISIBLE_DEVICES, as SLURM sets it, may give
    one GPU another number in each job. Of several ranks (nuclei.compute.ranks), all of which call this, each gets a GPU
    of its own; the first rank of each machine holds those of all of its ranks, as soon as so many are free.
    """
    import torch

    if device.type != "cuda":
        return device, None
    indices = range(torch.cuda.device_count()) if device.index is None else [device.index]
    names = {str(torch.cuda.get_device_properties(index).uuid): index for index in indices}
    folder = own_folder(LOCKS / f"nuclei-gpus-{os.getuid()}")
    seen = gather((platform.node(), list(names)))  # of each rank; of two tasks of srun each may see one GPU of its own
    here = [rank for rank, (machine, _) in enumerate(seen) if machine == platform.node()]
    wanted = [seen[rank][1] for rank in here]
    known = {name for each in wanted for name in each}
    if len(known) < len(here):
        raise InputError(
            f"compute.gpus: {len(here)} processes on {platform.node()}, torch finds {len(known)} GPUs, wanted one "
            "for each; lower it, or ask for more GPUs"
        )

    def waiting() -> str:
        return f"no free GPU among {len(known)}, waits for {'one' if len(here) == 1 else len(here)}"

    held = hold_each(wanted, folder, waiting, label, between) if Ranks.rank == here[0] else None
    name = gather([name for name, _ in held or []])[here[0]][here.index(Ranks.rank)]
    device = torch.device("cuda", names[name])
    torch.cuda.set_device(device)  # mmcv-full 1.7.2 loads a checkpoint to the current GPU when it resumes
    print(f"{label}: computes on {device}, {torch.cuda.get_device_name(device)}, {name}", file=sys.stderr, flush=True)
    return device, held


def set_up(args: argparse.Namespace, trains: bool = True) -> tuple[mmcv.Config, torch.device]:
    """Make a stage that computes with torch ready: its threads, device and precision as its command line asks for them.

    args: parsed command line with config (path of config.py), device and threads. trains: whether the stage
    trains. Call it before torch is imported, which reads the environment once. Returns the config and the device, of
    which a GPU is not held yet; see claim_gpu. Raises InputError where the device is missing or cannot compute in the
    config's precision.
    """
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    hide_gpus(args.device)
    ask_for_large_pages()
    import cv2
    import mmcv
    import torch

    torch.set_num_threads(args.threads)
    cv2.setNumThreads(0)
    device = find_device(args.device)
    mmcv.utils.get_logger("mmcv").setLevel("WARNING")  # otherwise it prints a line for each layer that it initialises
    config = mmcv.Config.fromfile(args.config)
    set_tf32(config.get("tf32", False))
    torch.backends.cudnn.benchmark = trains and config.get("cudnn_benchmark", False)  # mmdet's own key
    check_precision(config, device, trains)
    if trains and device.type == "cpu":
        keep_freed_memory()
    return config, device


def describe(device: torch.device, config: mmcv.Config) -> DeviceState:
    """What can change a training's numbers or limit it, of the device and of torch's switches; for training.json."""
    import torch

    cudnn = torch.backends.cudnn
    found: DeviceState = {
        "precision": precision(config),
        "tf32_matmul": torch.backends.cuda.matmul.allow_tf32,
        "tf32_cudnn": cudnn.allow_tf32,
        "cudnn": cudnn.version(),
        "cudnn_benchmark": cudnn.benchmark,
        "cudnn_deterministic": cudnn.deterministic,
    }
    if device.type == "cuda":
        found |= {
            "gpu_mb": torch.cuda.get_device_properties(device).total_memory // 2**20,
            "gpu_peak_mb": torch.cuda.max_memory_allocated(device) // 2**20,
            "cuda": torch.version.cuda,
            "driver": driver_version(),
        }
    return found


def driver_version(path: Path | str = "/proc/driver/nvidia/version") -> str:
    """Version of the NVIDIA kernel driver, or `unknown`. path: where the driver says it, as the first dotted number."""
    try:
        words = Path(path).read_text().split()
    except OSError:
        return "unknown"
    return next((word for word in words if word.replace(".", "").isdigit() and "." in word), "unknown")
