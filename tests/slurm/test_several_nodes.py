"""One cell trained by four tasks of srun on two nodes, through the profile as docs/clusters.md says; on the CPU."""

import json

import pytest
import yaml
from conftest import ROOT
from runs import PROFILE, edit, finish, jobs, make_project, running_cluster, snakemake
from support.tiny import CONFIG

pytestmark = pytest.mark.slurm

TARGET = "results/tiny/cells/setting1/mask_r50/seed0/training.json"


def documented():
    """The keys that docs/clusters.md gives for two nodes."""
    text = (ROOT / "docs/clusters.md").read_text()
    block = next(part for part in text.split("```\n")[1::2] if part.startswith("mpi: srun"))
    return yaml.safe_load(block)


def test_tasks_on_two_nodes_train_one_cell(tmp_path):
    change = {
        "models": ["mask_r50"],
        "settings": [1],
        "compute": {"device": "cpu", "gpus": 4, "threads": 1},
        "training": CONFIG["training"] | {"epochs": 2, "repeat": 4},
    }
    keys = documented() | {"tasks": 4, "cpus_per_task": 1, "mem_mb": 4000}
    keys["mpi"] = keys["mpi"].replace("--cpus-per-task=4", "--cpus-per-task=1")
    with running_cluster(tmp_path / "cluster") as cluster:
        folder = make_project(tmp_path / "project", CONFIG | change)
        edit(folder, PROFILE, lambda profile: profile["set-resources"]["train"].update(keys))
        finish(snakemake(folder, "--", TARGET), folder)
        (job,) = jobs(cluster, folder, "train")
    assert (job["NumNodes"], job["NumTasks"], job["CPUs/Task"]) == ("2", "4", "1"), job
    found = json.loads((folder / TARGET).read_text())
    assert (found["gpus"], found["epochs"], found["threads"]) == (4, 2, 1)
    log = (folder / "results/tiny/logs/setting1.mask_r50.seed0.train.log").read_text()
    assert log.count("epoch 2/2: validation") == 1, log
