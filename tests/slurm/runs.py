"""Runs of the project on the test cluster: checkouts, Snakemake through the SLURM profile, what SLURM says of them."""

import os
import subprocess
import time
from contextlib import contextmanager

import yaml
from cluster import Cluster, install
from conftest import checkout

PROFILE = "profiles/slurm/config.yaml"
LONG = 1800  # seconds until a wait is given up
STARTED = []  # every Snakemake that was started


def say(text):
    """A line with the time of day, so that a person sees where the test is."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def make_project(folder, config):
    """A checkout with a small config; returns its folder."""
    folder.mkdir()
    checkout(folder)
    (folder / "small.yaml").write_text(yaml.safe_dump(config))
    return folder


def edit(folder, name, change):
    """Change a YAML file of a checkout by change(content)."""
    path = folder / name
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def snakemake(folder, *arguments, where=("--workflow-profile", "profiles/slurm")):
    """Start Snakemake through the profile; its words go to snakemake.log."""
    if "profiles/slurm" in where:
        where = [*where, "--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "20"]
    words = ["snakemake", *where, "--configfile", "config/demo.yaml", "small.yaml", *arguments]
    with (folder / "snakemake.log").open("a") as log:
        environment = {**os.environ, "PATH": f"{folder}/profiles/slurm/no-accounting:{os.environ['PATH']}"}
        STARTED.append(subprocess.Popen(words, cwd=folder, stdout=log, stderr=log, env=environment))
    return STARTED[-1]


def finish(process, folder):
    """Wait for Snakemake's good end."""
    status = process.wait(LONG)
    assert status == 0, (folder / "snakemake.log").read_text()[-6000:]
    return folder


def jobs(cluster, folder, rule=""):
    """SLURM's records of a project's jobs, by job id; rule: those of one rule or group."""
    found = [job for job in cluster.jobs() if job["WorkDir"] == str(folder)]
    found = [job for job in found if job.get("Comment", "").startswith(f"rule_{rule}")]
    return sorted(found, key=lambda job: int(job["JobId"]))


@contextmanager
def running_cluster(folder):
    """Two nodes with two GPUs each; at the end, what Snakemake is still at ends too."""
    install()
    with Cluster(folder) as found:
        say(f"cluster: {len(found.nodes)} nodes, {found.gpus} GPUs each, logs in {found.folder}")
        yield found
        for process in STARTED:  # nothing where all went well
            process.kill()
            process.wait()
    say("cluster: stopped")
