"""The first steps of tools/check_gpu.py: what machine this is, and the packages of a kit installed beside its own.

Nothing is installed into the machine's Python: packages go into a folder that the later steps have on PYTHONPATH.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import torch
from gpu.records import record
from install_packages import REQUIREMENTS, pins

PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]


def driver() -> str:
    """Version of NVIDIA's driver, or none."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.split("\n")[0] or "none"
    except (OSError, subprocess.TimeoutExpired):
        return "none"


def card(args: argparse.Namespace) -> None:
    """Record the card and what runs on it. Exit status 1 where a card is wanted and torch finds none."""
    here = {
        "driver": driver(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
    }
    if args.device == "cpu":
        record("card", name="none: CPU", capability=None, memory_gb=None, **here)
        return
    if not torch.cuda.is_available():
        sys.exit(f"error: torch {torch.__version__} finds no card (driver {here['driver']}), wanted one; --device cpu")
    found = torch.cuda.get_device_properties(0)
    memory = round(found.total_memory / 2**30, 1)
    record("card", name=found.name, capability=f"{found.major}.{found.minor}", memory_gb=memory, **here)


def packages(args: argparse.Namespace) -> None:
    """Install the wheels of the kit, and say which pinned packages are there in another version."""
    wheels = sorted(map(str, (args.kit / "wheels").glob("*.whl")))
    subprocess.run([*PIP, "--upgrade", "--target", str(args.work / "site"), *wheels], check=True)
    sys.path.insert(0, str(args.work / "site"))
    importlib.invalidate_caches()
    for name, line in pins(REQUIREMENTS.read_text(), platform.machine()).items():
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        wanted = line.split("==")[1].split()[0].rstrip(";")
        if found != wanted:
            record("version", package=name, found=found, pinned=wanted)


def runs(cuda: bool) -> bool:
    """Whether the installed mmcv-full can be loaded, with CUDA operators where these are wanted."""
    code = "from mmcv.ops import get_compiling_cuda_version as v; import sys; sys.exit(3 * (v() == 'not available'))"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    loaded = {0: "loaded with CUDA operators", 3: "loaded without CUDA operators"}
    print(f"mmcv-full: {loaded.get(done.returncode) or done.stderr.splitlines()[-1]}")
    return done.returncode in ([0] if cuda else [0, 3])


def mmcv(args: argparse.Namespace) -> None:
    """Install mmcv-full: the kit's wheel where it runs here, or else one that is built for this card."""
    cuda = args.device == "cuda"
    site = ["--target", str(args.work / "site"), "--upgrade"]
    for wheel in sorted((args.kit / "source").glob("*.whl")):
        done = subprocess.run([*PIP, *site, str(wheel)])
        if done.returncode == 0 and runs(cuda):
            print(f"mmcv-full: {wheel.name} of the kit runs here")
            return
        print(f"mmcv-full: {wheel.name} of the kit does not run here: it is built")
    command = [sys.executable, str(Path(__file__).with_name("build_mmcv.py")), "--cuda", "yes" if cuda else "no"]
    for source in (args.kit / "source").glob("*.tar.gz"):
        command += ["--source", str(source)]
    built = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")[-2]
    figures = json.loads((Path(built).parent / "build.json").read_text())
    record("build", torch=torch.__version__, **figures)
    subprocess.run([*PIP, *site, built], check=True)
    if not runs(cuda):
        sys.exit("error: mmcv-full was built and cannot be loaded, wanted its operators; see the lines above")
