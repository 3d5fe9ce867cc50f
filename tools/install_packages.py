"""Install every package of requirements.txt into the Python that runs this, if its file has the SHA-256 of that list.

    python tools/install_packages.py [option of pip] ...

Two pips work at a time: while one waits for the network the other one unpacks. It needs no package itself.
"""

import argparse
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

from setup_progress import Percent

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements.txt"
PIP = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
# Some packages are source distributions. pip would build them with a setuptools that it downloads unchecked, so the
# pinned one is installed before them and used for them.
FIRST = ("setuptools", "wheel")
# MB that the largest packages take on the disk, for the order and the percent alone; the others count as OTHER_MB.
MEGABYTES = {
    "torch": 1143,
    "nvidia-cudnn-cu13": 966,
    "nvidia-cublas": 597,
    "nvidia-cufft": 288,
    "nvidia-nccl-cu13": 253,
    "nvidia-cusolver": 245,
    "nvidia-cusparselt-cu13": 234,
    "nvidia-cuda-nvrtc": 228,
    "opencv-python-headless": 169,
    "nvidia-cusparse": 163,
    "nvidia-curand": 135,
    "nvidia-nvjitlink": 117,
    "scipy": 114,
    "imagecodecs": 82,
    "nvidia-nvshmem-cu13": 81,
    "numpy": 57,
}
OTHER_MB = 8
TOGETHER = 15  # small packages that one pip installs


def pins(text: str, machine: str) -> dict[str, str]:
    """{package: its lines} of a requirements file, in its order, without those of another kind of machine."""
    found = {}
    for line in re.sub(r" \\\n *", " ", text).splitlines():
        if line and not line.startswith("#") and ("; platform_machine" not in line or f'"{machine}"' in line):
            found[re.split("[=; ]", line)[0]] = line
    return found


def batches(names: list[str]) -> deque[list[str]]:
    """What each pip installs: every large package alone, the largest first, then the others, some together."""
    small = [name for name in names if name not in MEGABYTES]
    large = sorted((name for name in names if name in MEGABYTES), key=lambda name: -MEGABYTES[name])
    together = [small[at : at + TOGETHER] for at in range(0, len(small), TOGETHER)]
    return deque([[name] for name in large] + together)


def amount(names: list[str]) -> int:
    """MB that packages take, about."""
    return sum(MEGABYTES.get(name, OTHER_MB) for name in names)


def start(names: list[str], lines: dict[str, str], options: list[str], folder: str) -> subprocess.Popen[bytes]:
    """Start a pip that installs some packages."""
    file = Path(folder) / f"{names[0]}.txt"
    file.write_text("\n".join(lines[name] for name in names) + "\n")
    more = [] if names[0] in FIRST else ["--no-build-isolation"]
    return subprocess.Popen([*PIP, *options, *more, "-r", str(file)])


def install(lines: dict[str, str], options: list[str]) -> list[str]:
    """Install all packages; returns the names of those whose pip failed.

    One pip takes the largest that is left, the other one the smallest, so that the first is done early and the last is
    none of the largest.
    """
    waiting = batches([name for name in lines if name not in FIRST])
    failed: list[str] = []
    progress, done = Percent("packages", amount(list(lines))), amount(list(FIRST))
    with tempfile.TemporaryDirectory() as folder:
        if start(list(FIRST), lines, options, folder).wait():
            return list(FIRST)
        running: dict[str, tuple[subprocess.Popen[bytes], list[str]]] = {}
        while running or (waiting and not failed):
            for end in ("large", "small"):
                if end not in running and waiting and not failed:
                    names = waiting.popleft() if end == "large" else waiting.pop()
                    running[end] = start(names, lines, options, folder), names
            time.sleep(0.2)
            for end, (process, names) in list(running.items()):
                if process.poll() is not None:
                    del running[end]
                    done += amount(names)
                    failed += names if process.returncode else []
            now = [names[0] if len(names) == 1 else f"{len(names)} small ones" for _, names in running.values()]
            progress.tell(done, ", ".join(now))
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _, options = parser.parse_known_args()
    failed = install(pins(REQUIREMENTS.read_text(), platform.machine()), options)
    if failed:
        shown = ", ".join(failed[:4]) + (f" and {len(failed) - 4} more" if failed[4:] else "")
        print(f"error: packages: pip did not install {shown}; its lines above say why; run again", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
