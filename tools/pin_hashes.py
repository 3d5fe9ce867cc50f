"""Write the SHA-256 of every file of the pinned packages that may be installed here into requirements.txt.

    python tools/pin_hashes.py                              requirements.txt
    python tools/pin_hashes.py --file tests/requirements.txt

For a maintainer who changed a pin. It asks the package index that pip asks by itself, or PIP_INDEX_URL, for the files
of each pinned version, downloads none of them, and writes their hashes under the pin: of wheels for each Python in
check_machine.PYTHONS on Linux, x86_64 and aarch64; of the source distribution where there is no wheel.
"""

import argparse
import json
import os
import re
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from check_machine import PYTHONS
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from pip._internal.models.index import PyPI

import library  # noqa: F401  # puts scripts/ on the path
from nuclei.common.files import write_text
from nuclei.common.stage import InputError, run_stage

PIN = re.compile(r"([A-Za-z0-9._-]+)==([^ ;\\]+)( *;[^\\]*[^\\ ])?")
GLIBC = range(41, 4, -1)  # minor versions; Debian 13 has 2.41
OLDER = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


def tags(machine: str) -> frozenset[Tag]:
    """All tags of wheels that one of PYTHONS takes on Linux with glibc on a machine, x86_64 or aarch64."""
    names = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC]
    names += [f"{OLDER[minor]}_{machine}" for minor in GLIBC if minor in OLDER] + [f"linux_{machine}"]
    found: set[Tag] = set()
    for version in PYTHONS:
        found.update(cpython_tags(version, platforms=names))
        found.update(compatible_tags(version, f"cp{version[0]}{version[1]}", names))
    return frozenset(found)


def listed(name: str) -> list[dict[str, Any]]:
    """The files of a package as the index lists them (simple API, PEP 691)."""
    url = f"{os.environ.get('PIP_INDEX_URL', PyPI.simple_url).rstrip('/')}/{re.sub('[-_.]+', '-', name).lower()}/"
    request = urllib.request.Request(url, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        files: list[dict[str, Any]] = json.load(answer)["files"]
    return files


def hashes(files: list[dict[str, Any]], version: str, machines: tuple[str, ...]) -> list[str]:
    """SHA-256 of the files of a version that may be installed: wheels, or else the source distribution."""
    fitting = frozenset[Tag]().union(*map(tags, machines))
    wheels, sources = [], []
    for file in files:
        name = file["filename"]
        try:
            _, found, _, wheel_tags = parse_wheel_filename(name)
        except InvalidWheelFilename:
            if name.endswith(f"-{version}.tar.gz"):
                sources.append(file["hashes"]["sha256"])
        else:
            if str(found) == version and wheel_tags & fitting:
                wheels.append((name, file["hashes"]["sha256"]))
    return [sha256 for _, sha256 in sorted(wheels)] or sources


def pinned(lines: list[str], file: str = "requirements.txt") -> Iterator[str]:
    """The lines of a requirements file with new hashes. InputError: no file of a version fits."""
    pins = [PIN.match(line) for line in lines]
    total, done = sum(map(bool, pins)), 0
    for line, pin in zip(lines, pins, strict=True):
        if line.startswith("    --hash="):
            continue
        if not pin:
            yield line
            continue
        name, version, marker = pin[1], pin[2], pin[3] or ""
        machines = ("x86_64",) if "x86_64" in marker else ("x86_64", "aarch64")
        found = hashes(listed(name), version, machines)
        if not found:
            raise InputError(f"{file}: {name}=={version}: no file for Linux found, wanted one; change it")
        done += 1
        print(f"{done}/{total} {name}=={version}: {len(found)} hashes", file=sys.stderr)
        yield " \\\n    --hash=sha256:".join([f"{name}=={version}{marker}", *found])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", default="requirements.txt", help="requirements file (default: %(default)s)")
    file = parser.parse_args().file
    lines = Path(file).read_text().splitlines()
    write_text(file, "\n".join(pinned(lines, file)) + "\n")


if __name__ == "__main__":
    run_stage(main)
