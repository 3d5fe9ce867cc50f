"""Local runs: the threads of concurrent trainings add up to the cores, and each training keeps to its own."""

import os
import signal
import subprocess
import time

import psutil
import pytest
import yaml
from workflow.test_dag import CONFIG, checkout

VARIABLES = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]


def trainings(folder):
    """The running trainings of a project."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = process.info["cmdline"] or []
        if process.info["cwd"] == str(folder) and words[1:2] == ["scripts/train.py"]:
            found.append(process)
    return found


def settled(folder, process, count):
    """Wait until `count` trainings have finished an epoch; the processes that train then."""
    while process.poll() is None:
        saved = {path.parent for path in folder.glob("work/*/cells/*/*/*/*/last.pth")}
        if len(saved) >= count:
            return trainings(folder)
        time.sleep(0.1)
    raise AssertionError((folder / "log").read_text()[-3000:])


@pytest.mark.parametrize(("threads", "count"), [(1, 2), (2, 1)])
def test_trainings_share_two_cores_by_their_threads(tmp_path, threads, count):
    folder = checkout(tmp_path)
    change = {
        "models": ["mask_r50"],
        "seeds": [0, 1],
        "training": CONFIG["training"] | {"epochs": 10000, "validate_every": 0},
        "selection": {"policy": "last"},
        "compute": {"threads": threads},
    }
    (folder / "small.yaml").write_text(yaml.safe_dump(CONFIG | change))
    command = ["snakemake", "--cores", "2", "--configfile", "config/demo.yaml", "small.yaml", "--until", "train"]
    # what a person's shell may ask for does not count
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", **dict.fromkeys(VARIABLES, "7")}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment)
    try:
        found = settled(folder, process, count)
        assert len(found) == count
        for training in found:
            said = training.environ()
            assert [said[name] for name in VARIABLES] == [str(threads)] * len(VARIABLES)
            assert (training.num_threads() == 1) == (threads == 1)
    finally:
        process.send_signal(signal.SIGTERM)  # starts no more
        for training in trainings(folder):
            training.terminate()
        process.wait()
