"""The rules know no engine: the same DAG by a submit script of two lines and the cluster-generic executor."""

import subprocess

import pytest
import yaml
from conftest import ROOT, checkout
from support.tiny import CONFIG, planned, snakemake, verified

pytestmark = pytest.mark.slurm

SUBMIT = """#!/bin/sh
echo "$1 threads, $2 MB, $3 min, $4 GPUs" >> submitted.txt; setsid sh "$5" > /dev/null 2>&1 & echo $!
"""


def test_a_submit_script_of_two_lines_runs_the_dag(tmp_path):
    folder = checkout(tmp_path)
    change = {"models": ["mask_r50"], "settings": [1], "compute": {"device": "auto"}}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG | change))
    (folder / "submit.sh").write_text(SUBMIT)
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    profile = {key: value for key, value in profile.items() if not key.startswith("slurm-")}
    profile["executor"] = "cluster-generic"
    profile["cluster-generic-submit-cmd"] = (
        "sh submit.sh {threads} {resources.mem_mb} {resources.runtime} {resources.gpu}"
    )
    profile["default-resources"]["gpu"] = 0
    (folder / "profiles/generic").mkdir()
    (folder / "profiles/generic/config.yaml").write_text(yaml.safe_dump(profile))
    command = ["snakemake", "--workflow-profile", "profiles/generic", "--configfile", "config/demo.yaml", "tiny.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    assert verified(folder / "results/tiny").endswith("0 missing, 0 changed, 0 extra, 0 contradicting, 0 not kept here")
    # device, data, config, training, evaluation, tables
    asked = (folder / "submitted.txt").read_text().splitlines()
    assert len(asked) == 6
    assert asked.count("1 threads, 2000 MB, 60 min, 1 GPUs") == 1
    assert sum(line.endswith(" 1 GPUs") for line in asked) == 3
    assert planned(snakemake(folder, "-n")) == {}
