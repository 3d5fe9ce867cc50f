"""manifest.json of a run: every result's SHA-256, each cell's provenance, config, code version, data, environment.

Paths are relative to the run folder and there is no time stamp of its own: moving the folder changes nothing.
`tools/verify_run.py` checks a folder against it.
"""

import argparse
import json
import platform
import subprocess
from importlib.metadata import distributions
from pathlib import Path

from nuclei.common.stage import InputError, read_json, run_stage, write_json
from nuclei.workflow.manifest import canonical_sha256, data_sha256, describe, results_below


def project_version(folder):
    """{"commit", "dirty"} of the git checkout that holds `folder`; both None outside git."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        found = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:  # no git
        found = ""
    return {"commit": found.removesuffix("-dirty") or None, "dirty": found.endswith("-dirty") if found else None}


def environment():
    """{"python", "packages": {name: version}} of the environment that runs this."""
    packages = {found.metadata["Name"]: found.version for found in distributions()}
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


def manifest(run, config, raw, models, cells, paths):
    """Content of manifest.json.

    run: results/<run>. config: the resolved Snakemake config. raw: {part: hash of a given folder or archive, or None}.
    models: in the order of the tables' rows. cells: their folders. paths: all declared results.
    """
    files = describe(run, declared_files(run, paths))
    return {
        "run": config["run"],
        "project": project_version(Path(__file__).parent),
        "environment": environment(),
        "config": config,
        "config_sha256": canonical_sha256(config),
        "data": {"raw": raw, "sha256": data_sha256(files)},
        "models": models,
        "cells": {
            Path(cell).relative_to(run).as_posix(): read_json(Path(cell) / "training.json", "what train.py writes")
            for cell in cells
        },
        "files": files,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run-dir", required=True, help="results/<run>")
    parser.add_argument("--config", type=json.loads, required=True, help="the whole resolved config, as JSON")
    parser.add_argument("--raw", type=json.loads, required=True, help="hash of each given part of the raw data, JSON")
    parser.add_argument("--models", nargs="+", required=True, help="in the order of the tables' rows")
    parser.add_argument("--cell-files", nargs="+", required=True, help="results of each cell, below its folder")
    parser.add_argument("--files", nargs="+", required=True, help="the other results")
    parser.add_argument("--out", required=True, help="manifest.json")
    args = parser.parse_args()
    run, config = Path(args.run_dir), args.config
    cells = [
        run / "cells" / f"setting{setting}" / model / f"seed{seed}"
        for setting in config["settings"]
        for model in args.models
        for seed in config["seeds"]
    ]
    paths = [*args.files, *(cell / name for cell in cells for name in args.cell_files)]
    write_json(args.out, manifest(run, config, args.raw, args.models, cells, paths))


if __name__ == "__main__":
    run_stage(main)
