"""What Snakemake itself takes: dry runs, and a whole DAG against its bare commands."""

import csv
import filecmp
import io
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import yaml
from conftest import checkout

from bench.rows import Row, below, require, timed

FOLDERS = {"checkpoints", "dataset", "test_masks"}  # outputs that are folders
CELL = {"settings": [1], "models": ["mask_r50"]}  # of the demo, where not all of it runs
COMPARED = ["results/*/data/**/*.json", "results/*/tables/table*.csv"]  # what holds no times and no host


def environment():
    """One core, no GPU, the commands of this Python first."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}


def snakemake(project, config, *arguments):
    """What Snakemake prints for the demo with a smaller config on top."""
    (project / "bench.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", "config/demo.yaml", "bench.yaml"]
    done = subprocess.run([*command, *arguments], cwd=project, env=environment(), capture_output=True, text=True)
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
    require(planned(snakemake(project, config, "-n")).get("score") == 1, "a missing result is not planned")
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


def cpu():
    """CPU seconds of all ended child processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def overhead(scratch, config, name, *arguments, most=None):
    """Row of a run by Snakemake against a shell script of the same commands, both one after the other on one core.

    most: the goal, % more than the script, of time and of CPU time: another program on the core slows either side.
    """
    ours, bare = checkout(scratch / "snakemake"), checkout(scratch / "bare")
    start = cpu()
    seconds, said = timed(lambda: snakemake(ours, config, "--printshellcmds", *arguments))
    ours_cpu = cpu() - start
    commands = re.findall(r"^Shell command: (?!None$)(.*)$", said, re.MULTILINE)  # rule all has none
    folders = {str(path.parent.relative_to(ours)) for path in ours.glob("results/**/*") if path.is_file()}
    script = ["set -euo pipefail", *(f"mkdir -p {folder}" for folder in sorted(folders)), *commands]
    (bare / "run.sh").write_text("\n".join(script) + "\n")
    start = cpu()
    alone, done = timed(
        lambda: subprocess.run(["bash", "run.sh"], cwd=bare, env=environment(), capture_output=True, text=True)
    )
    bare_cpu = cpu() - start
    require(done.returncode == 0, f"{bare}/run.sh: {done.stderr[-2000:]}")
    files = [str(path.relative_to(ours)) for pattern in COMPARED for path in ours.glob(pattern)]
    _, others, missing = filecmp.cmpfiles(ours, bare, files, shallow=False)
    require(files and not others + missing, f"{', '.join(others + missing)}: the shell script's is another")
    more, more_cpu = (100 * (a / b - 1) for a, b in ((seconds, alone), (ours_cpu, bare_cpu)))
    note = f"{len(commands)} jobs one after the other; {len(files)} files the same; {more_cpu:+.1f} % CPU time"
    goal, met = (f"under {most:g} %", max(more, more_cpu) < most) if most else ("", None)
    return Row(f"{name}; a shell script", seconds, alone, f"{more:+.1f} %", goal, met, note)


def rows(material, full):
    scratch = material.scratch
    yield finished(material, scratch / "done")
    yield large(scratch / "large")
    if full:
        yield overhead(scratch / "demo", {}, "the demo by snakemake", most=5)
    else:
        yield overhead(scratch / "cell", CELL, "one cell of the demo by snakemake")
