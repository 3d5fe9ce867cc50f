"""What a manifest is made of, shared by the stage that writes it and the check that reads it. Standard library only."""

import hashlib
import json
import os
import platform
from importlib.metadata import distributions
from pathlib import Path

from nuclei.common.files import read_json, sha256
from nuclei.common.stage import InputError
from nuclei.workflow.code_version import code_version

NAME = "manifest.json"


# top of a run folder that is no result: how long and how loud a run was, and a person's notes
NO_RESULTS = {"logs", "benchmarks", "README.md", NAME}


def canonical_sha256(value):
    """SHA-256 of a value's canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def results_below(run):
    """Files of a run folder that are results, as sorted paths below it; hidden files are none."""
    found = []
    for folder, folders, files in os.walk(run):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(folder, name).relative_to(run) for name in files if not name.startswith(".")]
    return sorted(path.as_posix() for path in found if path.parts[0] not in NO_RESULTS)


def describe(run, names):
    """{name: {"sha256", "size" in bytes}} of files below `run`; hard links of one file are read once."""
    known, found = {}, {}
    for name in names:
        stat = os.stat(os.path.join(run, name))
        key = stat.st_dev, stat.st_ino
        known[key] = known.get(key) or sha256(os.path.join(run, name))
        found[name] = {"sha256": known[key], "size": stat.st_size}
    return found


def results_data_sha256(files):
    """Hash of a run's data: of the names and hashes (see describe) of its files in data/."""
    return canonical_sha256({name: entry["sha256"] for name, entry in files.items() if name.startswith("data/")})


def project_version(folder=Path(__file__).parent):
    """{"commit", "dirty"} of the git checkout that holds `folder`; both None outside git."""
    found = code_version(folder)
    return {"commit": found and found.removesuffix("-dirty"), "dirty": found and found.endswith("-dirty")}


def environment():
    """{"python", "packages": {name: version}} of the environment that runs this."""
    found = reversed(list(distributions()))  # of two copies, the one that is imported: the first on the path
    packages = {one.metadata["Name"]: one.version for one in found}
    return {"python": platform.python_version(), "packages": packages}


def declared_files(run, paths):
    """Files of the declared results, as sorted paths below `run`; those of a folder are the ones that it holds.

    Raises InputError naming all that are missing.
    """
    missing = [path for path in paths if not Path(path).exists()]
    if missing:
        raise InputError(*(f"{path}: not found, wanted a result; run the stages before it" for path in missing))
    declared = {Path(path).relative_to(run) for path in paths}
    return [name for name in results_below(run) if {Path(name), *Path(name).parents} & declared]


def manifest(run, config, raw, models, trainings, paths):
    """Content of manifest.json.

    run: results/<run>. config: the resolved Snakemake config. raw: {part: hash of a given folder or archive, or None}.
    models: in the order of the tables' rows. trainings: training.json of each cell. paths: all declared results.
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
