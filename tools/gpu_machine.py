"""The first steps of tools/check_gpu.py: what machine this is, and the packages of a kit installed beside its own.

Nothing is installed into the machine's Python: packages go into a folder that the later steps have on PYTHONPATH.
"""

import argparse
import importlib.metadata
import json
import platform
import subprocess
import sys
from pathlib import Path

import torch
from gpu.card import driver, facts
from gpu.records import record
from install_packages import REQUIREMENTS, pins

PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]


def card(args: argparse.Namespace) -> None:
    """Record the card and what runs on it. Exit status 1 where a card is wanted and torch finds none."""
    if args.device == "cuda" and not torch.cuda.is_available():
        sys.exit(f"error: torch {torch.__version__} finds no card (driver {driver()}), wanted one; --device cpu")
    record("card", **facts(args.device))


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


TRY = """
import sys, torch
from nuclei.common.stage import run_stage
from nuclei.compute.operators import try_operators
run_stage(lambda: try_operators(torch.device(sys.argv[1])))
"""


def runs(device: str) -> bool:
    """Whether the operators of the installed mmcv-full run on a device, which a new process tries; says so."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", TRY, device], capture_output=True, text=True)
    print(f"mmcv-full: {(done.stderr.splitlines() or ['?'])[-1] if done.returncode else f'runs on {device}'}")
    return done.returncode == 0


def mmcv(args: argparse.Namespace) -> None:
    """Install mmcv-full: the kit's wheel where it runs here, or else one that is built for this card."""
    site = ["--target", str(args.work / "site"), "--upgrade"]
    for wheel in sorted((args.kit / "source").glob("*.whl")):
        if subprocess.run([*PIP, *site, str(wheel)]).returncode == 0 and runs(args.device):
            print(f"mmcv-full: {wheel.name} of the kit runs here")
            return
        print(f"mmcv-full: {wheel.name} of the kit does not run here: it is built")
    command = [sys.executable, str(Path(__file__).with_name("build_mmcv.py"))]
    command += ["--cuda", "yes" if args.device == "cuda" else "no"]
    for source in (args.kit / "source").glob("*.tar.gz"):
        command += ["--source", str(source)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:  # it has said why
        sys.exit(done.returncode)
    built = Path(done.stdout.splitlines()[-1])
    record("build", torch=torch.__version__, **json.loads((built.parent / "build.json").read_text()))
    subprocess.run([*PIP, *site, str(built)], check=True)
    if not runs(args.device):
        sys.exit("error: mmcv-full was built and does not run, wanted its operators; see the line above")
