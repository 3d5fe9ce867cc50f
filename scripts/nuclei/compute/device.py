"""The device that a stage computes on: found, claimed among concurrent jobs, its precision set, its state described."""

import fcntl
import os
import sys
import tempfile
import time
from pathlib import Path

from nuclei.common.stage import InputError


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


def claim(names, folder, label="", between=lambda: None, pause=1.0, say_every=300.0, busy=None):
    """Hold the first free of `names` against every other process of this machine; wait while none is free.

    folder: where the lock files lie, one a name. between(): called while waiting; may raise to stop. busy(): what to
    say while waiting, where the names are no GPUs.
    Returns (name, handle): it is held until the handle is closed or the process ends, however it ends.
    """
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    start = said = None
    while True:
        for name in names:
            handle = (Path(folder) / name).open("a")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.close()
                continue
            os.register_at_fork(after_in_child=handle.close)  # a loader's worker may outlive a killed training
            return name, handle
        now = time.monotonic()
        if said is None or now - said >= say_every:
            since = f", {(now - start) / 60:.0f} min so far" if said else ""
            why = busy() if busy else f"no free GPU among {len(names)}, waits for one"
            print(f"{label}: {why}{since}", file=sys.stderr, flush=True)
            start, said = start or now, now
        between()
        time.sleep(pause)


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
    name, handle = claim(list(names), Path(tempfile.gettempdir()) / f"nuclei-gpus-{os.getuid()}", label, between)
    device = torch.device("cuda", names[name])
    torch.cuda.set_device(device)  # mmcv resumes to the current one
    print(f"{label}: computes on {device}, {torch.cuda.get_device_name(device)}, {name}", file=sys.stderr, flush=True)
    return device, handle


def set_tf32(on):
    """Let a GPU round the factors of fp32 products to TF32 (10 bits) or not; torch alone does so in convolutions."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = on
    torch.backends.cudnn.allow_tf32 = on


def precision(config):
    """fp32, fp16 or bf16: what an mmdet Config trains in, by our keys or by mmdet's own for fp16."""
    if "Fp16" in config.get("optimizer_config", {}).get("type", "") or config.get("fp16") is not None:
        return "fp16"
    return config.get("precision", "fp32")


def check_precision(config, device, trains=True):
    """InputError for what the device cannot compute: fp16 on any CPU (mmcv), bf16 on one without it.

    trains: prediction with a model trained in bf16 is fp32.
    """
    import torch

    wanted = precision(config)
    if trains and wanted == "bf16" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise InputError(
            "training.precision: bf16 asked for on a CPU without it, wanted one with AVX-512 or AMX; set it to fp32"
        )
    if wanted == "fp16" and device.type != "cuda":
        raise InputError(
            f"training.precision: fp16 asked for on a {device.type.upper()}, wanted a GPU; "
            "set it to fp32, or compute.device to cuda"
        )


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
