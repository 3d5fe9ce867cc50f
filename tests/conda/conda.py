"""A stand-in for conda: the commands that Snakemake calls, over py-rattler, which solves and installs conda packages.

$STAND_IN_CONDA is a folder with the channels, by name, and bin/conda and bin/activate (see write_commands).
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import yaml
from rattler import Channel, Subdir, VirtualPackage, install, solve

BASE = Path(os.environ["STAND_IN_CONDA"])
ACTIVATE = """\
CONDA_PREFIX="$1"
PATH="$1/bin:$PATH"
export CONDA_PREFIX PATH
"""


def write_commands(tools):
    """bin/conda and bin/activate, below BASE. tools: folder with py-rattler."""
    (BASE / "bin").mkdir(parents=True, exist_ok=True)
    conda = BASE / "bin/conda"
    conda.write_text(
        f'#!/bin/sh\nSTAND_IN_CONDA="{BASE}" PYTHONPATH="{tools}" exec "{sys.executable}" "{__file__}" "$@"\n'
    )
    conda.chmod(0o755)
    (BASE / "bin/activate").write_text(ACTIVATE)


async def make_environment(file, prefix):
    """What `conda env create --file … --prefix …` does: solve and install the conda packages, then pip the rest."""
    content = yaml.safe_load(Path(file).read_text())
    for name in content["channels"]:
        if not (BASE / name).is_dir():
            sys.exit(f"UnavailableInvalidChannel: {name}")
    specs = [spec for spec in content["dependencies"] if isinstance(spec, str)]
    records = await solve(
        [Channel((BASE / name).as_uri()) for name in content["channels"]],
        specs,
        platforms=[Subdir.current(), "noarch"],
        virtual_packages=VirtualPackage.detect(),
    )
    await install(records, prefix, cache_dir=BASE / "pkgs", show_progress=False)
    for part in content["dependencies"]:
        if isinstance(part, dict):
            lines = Path(f"{prefix}.requirements.txt")
            lines.write_text("\n".join(part["pip"]) + "\n")
            environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            command = [f"{prefix}/bin/python", "-m", "pip", "install", "-U", "-r", lines, "--exists-action=b"]
            subprocess.run(command, check=True, env=environment, cwd=Path(file).parent)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", action="version", version="conda 26.7.1")
    commands = parser.add_subparsers(required=True)
    info = commands.add_parser("info")
    info.add_argument("--json", action="store_true", required=True)
    info.set_defaults(run=lambda _: print(json.dumps({"conda_prefix": str(BASE), "platform": str(Subdir.current())})))
    config = commands.add_parser("config")
    config.add_argument("--get", choices=["channel_priority"], required=True)
    config.add_argument("--json", action="store_true", required=True)
    config.set_defaults(run=lambda _: print(json.dumps({"get": {"channel_priority": "strict"}})))
    clean = commands.add_parser("clean")
    clean.add_argument("-y", action="store_true", required=True)
    clean.add_argument("--tarballs", action="store_true", required=True)
    clean.set_defaults(run=lambda _: None)  # the stand-in keeps none
    create = commands.add_parser("env").add_subparsers(required=True).add_parser("create")
    create.add_argument("--quiet", action="store_true")
    create.add_argument("--no-default-packages", action="store_true")
    create.add_argument("--file", required=True)
    create.add_argument("--prefix", required=True)
    create.set_defaults(run=lambda args: asyncio.run(make_environment(args.file, args.prefix)))
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
