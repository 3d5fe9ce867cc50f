"""Check, before anything is installed, that this machine can run the project. One line a problem.

Written for any Python 3, so that too old a one is told so.
"""

import argparse
import importlib.util
import os
import platform
import shutil
import sys
import sysconfig

PYTHONS = ((3, 11), (3, 12), (3, 13))  # requirements.txt has the packages of each
DISK_GB = 12  # .venv with torch's CUDA libraries, and the build of mmcv-full


def problems(version, machine, disk_gb, which, has_module, has_header):
    """All reasons why set-up cannot work.

    version: (major, minor). which, has_module: look-ups by name. has_header: whether Python's own C header is there.
    """
    found = []
    if version not in PYTHONS:
        names = ["{}.{}".format(*known) for known in PYTHONS]
        found.append(
            "Python {}.{} found, wanted {} or {last}; install one, for example by uv: python3 -m venv uv && uv/bin/pip "
            "install uv && uv/bin/uv python install {last}, and run make demo PYTHON=~/.local/bin/python{last}".format(
                *version, ", ".join(names[:-1]), last=names[-1]
            )
        )
    if machine not in ("x86_64", "aarch64"):
        found.append(f"processor {machine} found, wanted x86_64 or aarch64; use such a machine")
    for module in ("venv", "ensurepip"):
        if not has_module(module):
            found.append(f"Python module {module} not found, wanted for .venv; install python3-venv")
    if not has_header():
        found.append("Python.h not found, wanted to build mmcv-full; install python3-dev")
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
    argparse.ArgumentParser(description=__doc__).parse_args()
    found = problems(
        sys.version_info[:2],
        platform.machine(),
        shutil.disk_usage(".").free / 1e9,
        shutil.which,
        lambda name: importlib.util.find_spec(name) is not None,
        lambda: os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")),
    )
    for problem in found:
        print("error: " + problem, file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
