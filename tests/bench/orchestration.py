"""What Snakemake itself takes: dry runs, and a whole DAG beside its bare commands."""

import csv
import filecmp
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from conftest import checkout

from bench.rows import Row, below, require, timed

FOLDERS = {"checkpoints", "dataset", "test_masks"}  # outputs that are folders
CELL = {"settings": [1], "models": ["mask_r50"]}  # of the demo, where not all of it runs
COMPARED = ["results/*/data/**/*.json", "results/*/tables/table*.csv"]  # what holds no times and no host


# Stands for bash in Snakemake's jobs: runs one, then stops Snakemake and runs the same command in the folder {1}.
PAIR = """#!{0}
[[ $1 = -c && $2 = "set -euo pipefail; "* ]] || exec {0} "$@"
folders=$(find results work -type d 2> /dev/null)
{0} "$@" || exit
trap 'kill -CONT $PPID' EXIT
kill -STOP $PPID
stopped=$EPOCHREALTIME
cd {1} && mkdir -p $folders
start=$EPOCHREALTIME
{0} "$@" > /dev/null 2> bare.log || exit
echo $stopped $start $EPOCHREALTIME >> {2}
"""


def environment(first=""):
    """One thread, no GPU, the commands of this Python ahead of others; `first`: folders ahead of it."""
    path = f"{first}{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}


def snakemake(project, config, *arguments, first=""):
    """What Snakemake prints for the demo with a smaller config on top; `first`: folders ahead of PATH."""
    (project / "bench.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", "config/demo.yaml", "bench.yaml"]
    done = subprocess.run([*command, *arguments], cwd=project, env=environment(first), capture_output=True, text=True)
    require(done.returncode == 0, f"snakemake {' '.join(arguments)}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout + done.stderr


def outputs(project, config):
    """Paths of all files and folders that a run makes."""
    table = snakemake(project, config, "--summary")
    table = table[table.index("output_file\t") :]
    return [project / row["output_file"] for row in csv.DictReader(io.StringIO(table), delimiter="\t") if row["rule"]]


def pretend(project, config):
    """A run's outputs with nothing in them but their names, and Snakemake's records as if its jobs had run."""
    for path in outputs(project, config):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name in FOLDERS:
            path.mkdir(exist_ok=True)
        else:
            path.write_text(path.name)
    snakemake(project, config, "--touch", "--forceall")


def planned(said):
    """{rule: number of jobs} of a dry run."""
    table = re.search(r"Job stats:\n.*?\n-[- ]*\n(.*?)\n\n", said, re.DOTALL)
    return {rule: int(number) for rule, number in map(str.split, table[1].splitlines())} if table else {}


def finished(material, scratch, cells=12, runs=3, **change):
    """Row of a dry run of all cells with everything done, on the given raw data."""
    project = checkout(scratch)
    raw = {"draw": None, "dataset": {"path": str(material.dataset)}, "test_masks": {"path": str(material.test_masks)}}
    config = {"run": "done", "raw": raw, **change}
    pretend(project, config)
    seconds = []
    for _ in range(runs):
        took, said = timed(snakemake, project, config, "-n")
        require("Nothing to be done" in said and "missing provenance" not in said, f"work is left: {said[-500:]}")
        seconds.append(took)
    found = sorted(project.glob("results/done/cells/*/*/*/scores.json"))
    require(len(found) == cells, f"{len(found)} cells, wanted {cells}")
    found[0].unlink()
    require(planned(snakemake(project, config, "-n")).get("score_predictions") == 1, "a missing result is not planned")
    note = "outputs and records made by --touch; a removed one is planned"
    return below(f"snakemake -n, {cells} cells done", sorted(seconds)[runs // 2], 3, note)


def copied_models(models, number):
    """The first of {name: entry}, as many as wanted; where there are fewer, copies of them under other names."""
    copies = [(f"{name}_{copy}", entry) for copy in range(number) for name, entry in models.items()]
    return dict([*models.items(), *copies][:number])


def large(scratch):
    """Row of a dry run of 14 models in 2 settings with 10 seeds, nothing done."""
    project = checkout(scratch)
    catalogue = yaml.safe_load((project / "config/models.yaml").read_text())
    catalogue["models"] = copied_models(catalogue["models"], 14)
    (project / "models14.yaml").write_text(yaml.safe_dump(catalogue, sort_keys=False))
    config = {"run": "large", "models_file": "models14.yaml", "models": [*catalogue["models"]], "seeds": [*range(10)]}
    seconds, said = timed(snakemake, project, config, "-n")
    jobs = planned(said)
    require(jobs.get("train") == 280, f"{jobs.get('train')} trainings planned, wanted 280")
    return below("snakemake -n, 14 models x 2 settings x 10 seeds", seconds, note=f"{jobs['total']} jobs, none done")


def overhead(scratch, config, name, *arguments, most=None):
    """Row of a run by Snakemake against the bare commands of its jobs by a shell script, on one core.

    Each command runs twice: as Snakemake's job, then, while Snakemake is stopped, by PAIR in a second checkout. So what
    else the machine does slows both sides alike. most: the goal, % more than the commands alone.
    """
    ours, bare = (checkout(scratch / side) for side in ("snakemake", "bare"))
    shell = scratch / "bin/bash"
    shell.parent.mkdir()
    times = scratch / "times"
    quoted = [shlex.quote(str(value)) for value in (shutil.which("bash"), bare, times)]
    shell.write_text(PAIR.format(*quoted))
    shell.chmod(0o755)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        total, _ = timed(lambda: snakemake(ours, config, *arguments, first=f"{shell.parent}:"))
    finally:
        os.sched_setaffinity(0, cores)
    pairs = [[*map(float, line.split())] for line in times.read_text().splitlines()]
    alone = sum(end - start for _, start, end in pairs)
    seconds = total - sum(end - stopped for stopped, _, end in pairs)
    files = [str(path.relative_to(ours)) for pattern in COMPARED for path in ours.glob(pattern)]
    _, others, missing = filecmp.cmpfiles(ours, bare, files, shallow=False)
    require(files and not others + missing, f"{', '.join(others + missing)}: the bare commands' is another")
    more = 100 * (seconds / alone - 1)
    note = f"{len(pairs)} jobs one after the other, each run by both in turn; {len(files)} files the same"
    goal, met = (f"under {most:g} %", more < most) if most else ("", None)
    return Row(f"{name}; bare commands", seconds, alone, f"{more:+.1f} %", goal, met, note)


def rows(material, full):
    scratch = material.scratch
    yield finished(material, scratch / "done")
    yield large(scratch / "large")
    if full:
        yield overhead(scratch / "demo", {}, "the demo by snakemake", most=5)
    else:
        yield overhead(scratch / "cell", CELL, "one cell of the demo by snakemake")
