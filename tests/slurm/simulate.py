"""A SIMULATION of many trainings on a cluster: what Snakemake, the SLURM profile and the scheduler add to their length.

Real: slurmctld, a slurmd for each node, profiles/slurm, Snakemake and its jobs. Pretended: nodes and GPUs, all of them
this machine, and the work, which is sleep (simulation/Snakefile). A training sleeps in proportion to the hours that
`snakemake plan` expects of it on --card, scaled so that all sleep --seconds on average. Prints a Markdown table.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from datetime import datetime
from pathlib import Path

import yaml
from bench.orchestration import copied_models, large
from cluster import Cluster
from conftest import ROOT, checkout

from nuclei.common.stage import InputError, run_stage

SIMULATION = Path(__file__).parent / "simulation/Snakefile"
# the report's protocol, on drawn data of as many images; resized for training, small ones count as the real ones do
PLANNED = {
    "run": "planned",
    "explored": True,
    "raw": {"dataset": {"path": None}, "test_masks": {"path": None}, "expected": None}
    | {"draw": {"train": 24, "test": 6, "size": 128, "seed": 7}},
    "split": {"file": None},
    "conversion": {"method": "exact"},
}


def plan(folder):
    """The page that `snakemake plan` prints of every model in both settings."""
    checkout(folder)
    (folder / "planned.yaml").write_text(yaml.safe_dump(PLANNED))
    command = ["snakemake", "plan", "--cores", str(os.cpu_count()), "--configfile", "planned.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"{folder}: snakemake plan ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def hours(page, card):
    """{(setting, model): expected hours on a card} from a plan's page; where not counted, the mean of the others."""
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in page.splitlines() if line[:1] == "|"]
    header = next((row for row in rows if row[:2] == ["cell", "precision"]), [])
    if card not in header:
        raise InputError(f"plan: cards {', '.join(header[2:]) or 'none'} found, wanted {card}; see config/cards.yaml")
    found = {}
    for row in rows[rows.index(header) :]:
        name = re.fullmatch(r"setting(\d)/(\w+)/seed\d+", row[0])
        if name and len(row) == len(header):
            text = row[header.index(card)].replace(",", "")
            found[int(name[1]), name[2]] = None if text == "not counted" else float(text.split()[0])
    mean = statistics.mean(value for value in found.values() if value is not None)
    return {cell: mean if value is None else value for cell, value in found.items()}


def lengths(expected, models, settings, seeds, seconds):
    """{name of a cell: seconds that its training sleeps}, `seconds` on average."""
    catalogue = {model: model for _, model in expected}
    chosen = copied_models(catalogue, models)
    wanted = {
        f"setting{setting}.{name}.seed{seed}": expected[setting, model]
        for setting in range(1, settings + 1)
        for name, model in chosen.items()
        for seed in range(seeds)
    }
    mean = statistics.mean(wanted.values())
    return {name: round(seconds * value / mean, 1) for name, value in wanted.items()}


def run(folder, cells, evaluation):
    """Run the simulation in `folder` through the profile; returns (wall seconds, CPU seconds of Snakemake)."""
    shutil.copytree(ROOT / "profiles/slurm", folder / "profiles/slurm")
    shutil.copy(SIMULATION, folder)
    (folder / "cells.yaml").write_text(yaml.safe_dump({"cells": cells, "evaluation": evaluation}))
    environment = {**os.environ, "PATH": f"{folder}/profiles/slurm/no-accounting:{os.environ['PATH']}"}
    command = ["snakemake", "--workflow-profile", "profiles/slurm", "--configfile", "cells.yaml"]
    start = time.monotonic()
    with (folder / "snakemake.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment)
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = (folder / "snakemake.log").read_text()[-3000:]
        raise InputError(f"simulation: Snakemake ended with {process.returncode}, wanted 0; {said}")
    return time.monotonic() - start, used.ru_utime + used.ru_stime


def moment(job, key):
    """A time of SLURM's record of a job, in seconds."""
    return datetime.fromisoformat(job[key]).timestamp()


def measure(jobs, cells, evaluation, gpus):
    """What SLURM's records say, in seconds but for counts and shares: {name: number}; gpus: number of the cluster's."""
    length = {job["JobId"]: moment(job, "EndTime") - moment(job, "StartTime") for job in jobs}
    holders = [job for job in jobs if job["gpus"]]
    names = {job["JobId"]: job["Comment"].strip().removeprefix("rule_train_wildcards_") for job in holders}
    trainings = [job for job in holders if names[job["JobId"]] in cells]
    first, last = min(moment(job, "StartTime") for job in trainings), max(moment(job, "EndTime") for job in trainings)
    held = sum(
        max(0, min(last, moment(job, "EndTime")) - max(first, moment(job, "StartTime"))) * len(ids)
        for job in holders
        for ids in job["gpus"].values()
    )
    beyond = [length[number] - cells.get(name, evaluation) for number, name in names.items()]
    work = sum(cells.values()) + len(cells) * evaluation
    return {
        "jobs": len(jobs),
        "trainings": len(trainings),
        "not completed": sum(job["JobState"] != "COMPLETED" for job in jobs),
        "makespan": max(moment(job, "EndTime") for job in jobs) - min(moment(job, "SubmitTime") for job in jobs),
        "by work": work / gpus,
        "by longest": max(cells.values()) + evaluation,
        "idle": 1 - held / (gpus * (last - first)),
        "beyond": statistics.mean(beyond),
        "most beyond": max(beyond),
    }


def table(found, wall, used, dry):
    """The Markdown table; wall, used: seconds and CPU seconds of Snakemake; dry: seconds of a dry run, or None."""
    jobs = found["jobs"]
    bounds = f"the larger of work / GPUs {found['by work']:.0f} s and longest cell {found['by longest']:.0f} s"
    rows = [
        ["SLURM jobs", jobs, f"{found['trainings']} trainings; {found['not completed']} not completed"],
        ["makespan", f"{found['makespan']:.0f} s", "first job submitted to last job's end"],
        ["ideal makespan", f"{max(found['by work'], found['by longest']):.0f} s", bounds],
        ["GPUs held by no job", f"{100 * found['idle']:.1f} %", "between first training's start and last one's end"],
        ["a job beyond its sleep", f"{found['beyond']:.1f} s", f"mean; at most {found['most beyond']:.1f} s"],
        ["Snakemake", f"{wall:.0f} s", "wall time, with its start"],
        ["Snakemake's CPU time", f"{used:.1f} s", f"with its sbatch and squeue; {used / jobs:.2f} s a job"],
    ]
    if dry:
        rows.append(["dry run of the pipeline", f"{dry.ours:.1f} s", f"{dry.name.partition(', ')[2]}; {dry.note}"])
    lines = [["SIMULATION", "", ""], ["---"] * 3, *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def simulate(folder, cells, evaluation, nodes, gpus, dry_run=True):
    """Run everything below `folder` on a cluster made for it; returns the numbers of measure() and the table."""
    with Cluster(folder / "cluster", nodes, gpus) as cluster:
        (folder / "run").mkdir()
        wall, used = run(folder / "run", cells, evaluation)
        found = measure(cluster.jobs(), cells, evaluation, nodes * gpus)
    dry = large(folder / "pipeline") if dry_run else None
    return found, table(found, wall, used, dry)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=14, help="from the catalogue's, some of them several times")
    parser.add_argument("--settings", type=int, default=2, choices=(1, 2))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--gpus", type=int, default=2, help="of a node")
    parser.add_argument("--seconds", type=float, default=40, help="that a training sleeps on average")
    parser.add_argument("--evaluation", type=float, default=5, help="seconds that an evaluation sleeps")
    parser.add_argument("--card", default="A100", help="of config/cards.yaml")
    parser.add_argument("--plan", type=Path, help="page that `snakemake plan` printed; default: made from drawn data")
    parser.add_argument("--folder", type=Path, help="new folder to work in, kept; default: a temporary one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or Path(scratch)
        folder = folder.resolve()
        page = args.plan.read_text() if args.plan else plan(folder / "plan")
        cells = lengths(hours(page, args.card), args.models, args.settings, args.seeds, args.seconds)
        shortest, longest = min(cells.values()), max(cells.values())
        print(f"simulation: {len(cells)} cells on {args.nodes} pretended nodes of {args.gpus} pretended GPUs each")
        print(f"simulation: trainings sleep {shortest:g} to {longest:g} s, evaluations {args.evaluation:g} s")
        busy = f"load {os.getloadavg()[0]:.1f} before on {os.cpu_count()} cores"
        print(f"simulation: {busy}; two starts of Snakemake a job, so a busy machine lengthens jobs", flush=True)
        print(simulate(folder, cells, args.evaluation, args.nodes, args.gpus)[1])


if __name__ == "__main__":
    run_stage(main)
