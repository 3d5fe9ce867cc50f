"""Check, before anything is installed, that this machine can run the project. One line a problem.

Written for any Python 3, so that too old a one is told so.
"""

import importlib.util
import platform
import shutil
import sys

PYTHONS = ((3, 11), (3, 12), (3, 13))  # requirements.txt has the packages of each
DISK_GB = 12  # .venv with torch's CUDA libraries, and the build of mmcv-full


def problems(version, machine, disk_gb, which, has_module):
    """All reasons why set-up cannot work. version: (major, minor); which, has_module: look-ups by name."""
    found = []
    if version not in PYTHONS:
        names = ["{}.{}".format(*known) for known in PYTHONS]
        found.append(
            "Python {}.{} found, wanted {} or {last}; install one (pip install uv; uv python install {last}) and run "
            "make PYTHON=python{last}".format(*version, ", ".join(names[:-1]), last=names[-1])
        )
    if machine not in ("x86_64", "aarch64"):
        found.append(f"processor {machine} found, wanted x86_64 or aarch64; use such a machine")
    for module in ("venv", "ensurepip"):
        if not has_module(module):
            found.append(f"Python module {module} not found, wanted for .venv; install python3-venv")
    for tool in ("g++", "gcc", "make", "git"):
        if not which(tool):
            found.append(
                f"{tool} not found on PATH, wanted to build mmcv-full; install it (Debian: build-essential git)"
            )
    if disk_gb < DISK_GB:
        found.append(f"{disk_gb:.1f} GB free here, wanted {DISK_GB}; free some disk space")
    return found


def main():
    """Print the problems of this machine and exit with 1 if there are any."""
    found = problems(
        sys.version_info[:2],
        platform.machine(),
        shutil.disk_usage(".").free / 1e9,
        shutil.which,
        lambda name: importlib.util.find_spec(name) is not None,
    )
    for problem in found:
        print("error: " + problem, file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
