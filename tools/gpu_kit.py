"""Collect what the check on a GPU (make check-gpu) needs on a machine without network: make gpu-kit.

    python tools/gpu_kit.py --out work/gpu-kit --dataset data/vrdl-raw.tar.xz --test-masks data/vrdl-test-masks.tar.xz
    python tools/gpu_kit.py --expand work/gpu-kit/data --out raw

The kit is a folder with wheels/ (of the packages that the machine lacks, in the versions and with the hashes of
requirements.txt), source/ (the source distribution of mmcv-full, and with --wheel one that was built), data/ (the data
set, compact and without loss: nuclei/data/compact.py) and kit.json, which lists it all. The machine has torch,
torchvision and its CUDA already: they are too large to be brought. The second form unpacks the data there.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from install_packages import REQUIREMENTS, pins
from setup_progress import Percent

import library  # noqa: F401  # puts scripts/ on the path
from nuclei.common.files import sha256
from nuclei.common.stage import InputError, run_stage

# What the check needs beside torch, torchvision and what these need.
NEEDED = (
    *("mmdet", "addict", "yapf", "terminaltables", "pycocotools", "faster-coco-eval", "kornia-rs", "shapely"),
    *("jsonschema", "attrs", "referencing", "rpds-py", "jsonschema-specifications"),
    "filelock",  # torch brings it, but perhaps an older one than locks.py needs
    *("six", "platformdirs", "importlib_metadata", "lazy-importer", "tomli", "zipp", "setuptools", "wheel", "ninja"),
    *("numpy", "scipy", "pandas", "matplotlib", "opencv-python-headless", "PyYAML", "Jinja2", "pytest", "hypothesis"),
    *("pillow", "packaging", "python-dateutil", "tzdata", "contourpy", "cycler", "fonttools", "kiwisolver"),
    *("pyparsing", "MarkupSafe", "iniconfig", "pluggy", "Pygments", "sortedcontainers"),
)
# What a machine for torch usually has, where --has does not say it.
USUAL = (
    *("ninja", "numpy", "scipy", "pandas", "matplotlib", "opencv-python-headless", "PyYAML", "Jinja2", "pytest"),
    *("hypothesis", "pillow", "packaging", "python-dateutil", "tzdata", "contourpy", "cycler", "fonttools"),
    *("kiwisolver", "pyparsing", "MarkupSafe", "iniconfig", "pluggy", "Pygments", "sortedcontainers"),
)
GLIBC = range(39, 4, -1)  # minor versions whose wheels are looked for
MOST_MB = 60.0


def canonical(name: str) -> str:
    """A package's name as all spellings of it have it."""
    return re.sub("[-_.]+", "-", name).lower()


def names_in(file: Path) -> set[str]:
    """The packages that a list names: the answer of `pip list` or `pip freeze`, or a name on each line."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError as error:
        raise InputError(
            f"{file}: cannot be read ({error.strerror}), wanted the answer of `pip list` there; check --has"
        ) from None
    found = (re.match("[A-Za-z0-9][A-Za-z0-9._-]*", line) for line in lines)
    return {canonical(name[0]) for name in found if name and name[0] != "Package"}


def missing(there: set[str]) -> list[str]:
    """The lines of requirements.txt of the packages that the check needs and that are not in `there`."""
    lines = {canonical(name): line for name, line in pins(REQUIREMENTS.read_text(), "x86_64").items()}
    return [lines[canonical(name)] for name in NEEDED if canonical(name) not in there]


def download(lines: list[str], python: str, out: Path) -> None:
    """Download the wheels of some lines of requirements.txt for x86_64 Linux, each with one of its hashes.

    python: the other machine's version, such as 3.12. InputError where pip finds one not, or with another hash.
    """
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in GLIBC]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    command += [part for name in platforms for part in ("--platform", name)]
    progress = Percent("wheels", len(lines))
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        for number, line in enumerate(lines, 1):
            file = Path(folder) / "one.txt"
            file.write_text(line + "\n")
            done = subprocess.run([*command, "--dest", str(out), "-r", str(file)], capture_output=True, text=True)
            if done.returncode:
                said = [text for text in done.stderr.splitlines() if "ERROR" in text] or ["see pip download"]
                raise InputError(f"{line.split()[0]}: pip finds no wheel for Python {python} ({said[0][:200]})")
            progress.tell(number)


def add_mmcv(out: Path, wheel: Path | None) -> None:
    """Put mmcv-full's source distribution into `out`, with the hash that the build wants, and a built wheel beside it.

    Where the wheel does not run on the other machine, it is built there.
    """
    from build_mmcv import SDIST_SHA256, VERSION
    from build_mmcv import download as download_source

    out.mkdir(parents=True)
    if wheel:
        if not wheel.name.startswith(f"mmcv_full-{VERSION}-") or not wheel.is_file():
            raise InputError(f"{wheel}: found, wanted a wheel mmcv_full-{VERSION}-….whl of tools/build_mmcv.py --cuda")
        shutil.copy2(wheel, out)
    archive = out / f"mmcv-full-{VERSION}.tar.gz"
    download_source(archive)
    found = sha256(archive)
    if found != SDIST_SHA256:
        raise InputError(f"{archive.name}: SHA-256 is {found}, wanted {SDIST_SHA256}; use another package index")


def add_data(out: Path, dataset: str, test_masks: str | None, threads: int) -> None:
    """Put the data set into out/, in the compact form. dataset, test_masks: folders or archives."""
    from nuclei.data.compact import pack
    from nuclei.data.raw_sources import Part, find_part, unpacked

    with ExitStack() as stack:
        beside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".data-", dir=out.parent)))

        def part(source: str, name: Part) -> Path:
            if Path(source).is_dir():
                return Path(source)
            return find_part(stack.enter_context(unpacked(source, None, beside / name, name)), name, source)

        raw = part(dataset, "dataset")
        masks = part(test_masks, "test_masks") if test_masks else None
        nuclei = pack(raw, masks, out, threads)
        print(f"data: {nuclei} nuclei{'' if masks else '; without the test images, which then get no scores'}")


def megabytes(folder: Path) -> float:
    """Size of all files below a folder, 10**6 bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def collect(args: argparse.Namespace) -> None:
    """Make the kit beside its place, and put it there when it is complete."""
    out: Path = args.out
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / "kit.json").is_file())):
        raise InputError(f"{out}: exists and is no kit, wanted a new folder; give another OUT=")
    if not args.dataset:
        raise InputError("--dataset: not given, wanted the data set's folder or archive; DATASET= of make gpu-kit")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        new = Path(scratch) / "kit"
        there = names_in(args.has) if args.has else set(map(canonical, USUAL))
        download(missing(there), args.python, new / "wheels")
        add_mmcv(new / "source", args.wheel)
        add_data(new / "data", args.dataset, args.test_masks, args.threads)
        files = {str(path.relative_to(new)): path.stat().st_size for path in sorted(new.rglob("*")) if path.is_file()}
        (new / "kit.json").write_text(json.dumps({"python": args.python, "bytes": files}, indent=1) + "\n")
        sizes = {part.name: round(megabytes(part), 1) for part in sorted(new.iterdir()) if part.is_dir()}
        total = megabytes(new)
        if total > args.most:
            parts = ", ".join(f"{name} {size} MB" for name, size in sizes.items())
            raise InputError(
                f"kit: {total:.1f} MB found ({parts}), wanted at most {args.most:.0f}; name in --has what the machine "
                "has (its `pip list`), or take fewer images"
            )
        shutil.rmtree(out, ignore_errors=True)
        os.replace(new, out)
    print(f"{out}: {total:.1f} MB ({', '.join(f'{name} {size}' for name, size in sizes.items())})")
    print("bring it with this folder to the machine with the card, and there run")
    print(f"  python3 tools/check_gpu.py --kit {out} --minutes 14")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the kit's folder, or with --expand where the data go")
    parser.add_argument("--dataset", help="the data set in the raw layout: a folder or an archive")
    parser.add_argument("--test-masks", help="the masks of its test images: a folder or an archive")
    parser.add_argument("--python", default="3.12", help="version of the other machine's Python (default: %(default)s)")
    parser.add_argument("--has", type=Path, help="what it has: a file with the answer of its `pip list`")
    parser.add_argument("--wheel", type=Path, help="mmcv-full built for it, in the place of the source distribution")
    parser.add_argument("--most", type=float, default=MOST_MB, help="MB that may be brought (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="how many images are packed at a time")
    parser.add_argument("--expand", type=Path, metavar="DATA", help="unpack the data of a kit, and nothing else")
    args = parser.parse_args()
    if args.expand:
        from nuclei.data.compact import expand

        expand(args.expand, args.out, args.threads)
    else:
        collect(args)


if __name__ == "__main__":
    run_stage(main)
