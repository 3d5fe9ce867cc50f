"""What a manifest is made of, shared by the stage that writes it and the check that reads it.

It needs the standard library alone, so that a run can be verified years later without installing anything.
"""

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, TypedDict

from nuclei.common.files import read_json, sha256
from nuclei.common.stage import InputError
from nuclei.workflow.code_version import code_version

NAME = "manifest.json"

# Files and folders at the top of a run folder that are not results: they say how long a run took and what it printed,
# or are a person's notes, and differ between runs of equal results. Only runs of old versions have benchmarks/.
NO_RESULTS = {"logs", "benchmarks", "README.md", NAME}


class FileEntry(TypedDict):
    """What a manifest says of a file."""

    sha256: str
    size: int  # bytes


class Project(TypedDict):
    """Version of the project's code; both None outside of git."""

    commit: str | None
    dirty: bool | None  # whether files were changed since that commit


class Environment(TypedDict):
    """Version of Python, and of every package that is installed beside it."""

    python: str
    packages: dict[str, str]


class Data(TypedDict):
    """Hashes of a run's data."""

    raw: dict[str, str | None]  # of each given part of the raw data (dataset, test_masks); None where none was given
    sha256: str  # see results_data_sha256


class Manifest(TypedDict):
    """Content of manifest.json."""

    run: str
    project: Project
    environment: Environment
    config: dict[str, Any]  # the whole resolved config of Snakemake
    config_sha256: str
    data: Data
    models: list[str]  # in the order of the tables' rows
    cells: dict[str, Any]  # {cell folder, relative to the run: content of its training.json}
    files: dict[str, FileEntry]  # {path relative to the run: entry} of every result


def canonical_sha256(value: object) -> str:
    """SHA-256 of a value's canonical JSON (sorted keys, no spaces, UTF-8), so that equal values have equal hashes."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def results_below(run: Path | str) -> list[str]:
    """Files of a run folder that are results, as sorted paths relative to it. Hidden files and folders are left out."""
    found: list[Path] = []
    for folder, folders, files in os.walk(run):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(folder, name).relative_to(run) for name in files if not name.startswith(".")]
    return sorted(path.as_posix() for path in found if path.parts[0] not in NO_RESULTS)


def describe(run: Path | str, names: Iterable[str]) -> dict[str, FileEntry]:
    """{name: {"sha256", "size" in bytes}} of files below `run`. A file with several hard links is read once."""
    known: dict[tuple[int, int], str] = {}
    found: dict[str, FileEntry] = {}
    for name in names:
        stat = os.stat(os.path.join(run, name))
        key = stat.st_dev, stat.st_ino
        known[key] = known.get(key) or sha256(os.path.join(run, name))
        found[name] = {"sha256": known[key], "size": stat.st_size}
    return found


def results_data_sha256(files: Mapping[str, FileEntry]) -> str:
    """Hash of a run's data: over the names and hashes of its files in data/. files: see describe."""
    return canonical_sha256({name: entry["sha256"] for name, entry in files.items() if name.startswith("data/")})


def project_version(folder: Path | str = Path(__file__).parent) -> Project:
    """{"commit", "dirty"} of the git checkout that holds `folder`; both None outside of git."""
    found = code_version(folder)
    if found is None:
        return {"commit": None, "dirty": None}
    return {"commit": found.removesuffix("-dirty"), "dirty": found.endswith("-dirty")}


def environment() -> Environment:
    """{"python", "packages": {name: version}} of the environment that this runs in."""
    found = reversed(list(distributions()))  # of two copies, the one that is imported: the first on the path
    # setuptools puts copies of other packages on the path of a process that imports it; they are no installed packages
    installed = [one for one in found if "_vendor" not in Path(str(one.locate_file(""))).parts]
    packages = {one.metadata["Name"]: one.version for one in installed}
    return {"python": platform.python_version(), "packages": packages}


def declared_files(run: Path | str, paths: Sequence[Path | str]) -> list[str]:
    """Files of the declared results, as sorted paths relative to `run`. A declared folder stands for all files in it.

    paths: declared results, below `run`. Raises InputError with all that are missing.
    """
    missing = [path for path in paths if not Path(path).exists()]
    if missing:
        raise InputError(*(f"{path}: not found, wanted a result; run the stages before it" for path in missing))
    declared = {Path(path).relative_to(run) for path in paths}
    return [name for name in results_below(run) if {Path(name), *Path(name).parents} & declared]


def manifest(
    run: Path | str,
    config: dict[str, Any],
    raw: dict[str, str | None],
    models: list[str],
    trainings: Iterable[Path | str],
    paths: Sequence[Path | str],
) -> Manifest:
    """Content of manifest.json; see Manifest.

    run: results/<run>. config: the resolved Snakemake config. raw: {part: hash of a given folder or archive, or None}.
    models: in the order of the tables' rows. trainings: path of each cell's training.json. paths: all declared results.
    Raises InputError where a declared result or a training.json is missing.
    """
    files = describe(run, declared_files(run, paths))
    return {
        "run": config["run"],
        "project": project_version(),
        "environment": environment(),
        "config": config,
        "config_sha256": canonical_sha256(config),
        "data": {"raw": raw, "sha256": results_data_sha256(files)},
        "models": models,
        "cells": {
            Path(path).parent.relative_to(run).as_posix(): read_json(path, "what train.py writes") for path in trainings
        },
        "files": files,
    }
