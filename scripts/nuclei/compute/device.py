"""The device that a stage computes on: found, claimed among concurrent jobs, its state described."""

import os
import sys
import tempfile
from pathlib import Path

from nuclei.common.stage import InputError
from nuclei.compute.locks import hold_first_free
from nuclei.compute.precision import check_precision, precision, set_tf32


def hide_gpus(name):
    """Make `cpu` mean the CPU: torch's DataParallel moves a model to a GPU wherever it sees one.

    Call before torch is imported.
    """
    if name == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def find_device(name):
    """torch.device for auto (a GPU where there is one), cpu, cuda or cuda:N; InputError where it is not there."""
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


def claim_gpu(device, label, between=lambda: None):
    """Claim the GPU `device` (without an index: the first free one) and make it torch's current one.

    Returns (torch.device with its index, handle that must stay referenced); a CPU is returned as it is, with None.
    Locks are named by UUID, so jobs with different CUDA_VISIBLE_DEVICES, as SLURM sets it, agree on what is taken.
    """
    import torch

    if device.type != "cuda":
        return device, None
    indices = range(torch.cuda.device_count()) if device.index is None else [device.index]
    names = {str(torch.cuda.get_device_properties(index).uuid): index for index in indices}
    folder = Path(tempfile.gettempdir()) / f"nuclei-gpus-{os.getuid()}"

    def waiting():
        return f"no free GPU among {len(names)}, waits for one"

    name, handle = hold_first_free(list(names), folder, waiting, label, between)
    device = torch.device("cuda", names[name])
    torch.cuda.set_device(device)  # mmcv resumes to the current one
    print(f"{label}: computes on {device}, {torch.cuda.get_device_name(device)}, {name}", file=sys.stderr, flush=True)
    return device, handle


def set_up(args, trains=True):
    """(mmdet Config, torch.device) of a stage that computes with torch: threads, device and precision as asked for.

    args: of its command line, with config, device, threads and tf32. trains: whether the stage is the training. Call
    before torch is imported. InputError where device and precision do not fit.
    """
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    hide_gpus(args.device)
    import cv2
    import mmcv
    import torch

    torch.set_num_threads(args.threads)
    cv2.setNumThreads(0)
    device = find_device(args.device)
    mmcv.utils.get_logger("mmcv").setLevel("WARNING")  # else a line for each initialised layer
    set_tf32(args.tf32)
    config = mmcv.Config.fromfile(args.config)
    check_precision(config, device, trains)
    return config, device


def describe(device, config):
    """What of the device and of torch's switches can change the numbers of a run; for training.json."""
    import torch

    cudnn = torch.backends.cudnn
    found = {
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


def driver_version(path="/proc/driver/nvidia/version"):
    """Version of the NVIDIA kernel driver, or `unknown`."""
    try:
        words = Path(path).read_text().split()
    except OSError:
        return "unknown"
    return next((word for word in words if word.replace(".", "").isdigit() and "." in word), "unknown")
