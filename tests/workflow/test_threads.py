"""Local runs: the threads of concurrent trainings add up to the cores, and each training keeps to its own."""

import os
import shutil
import signal
import subprocess
import time

import psutil
import pytest
import yaml
from conftest import checkout
from support.tiny import CONFIG

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


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The project with all that two trainings need."""
    folder = checkout(tmp_path_factory.mktemp("project"))
    assert start(folder, 1, "config.py", "data/annotations/setting1/train.json").wait() == 0
    return folder


def start(folder, threads, *names):
    """Start Snakemake on two cores for these files of two cells, with so many threads a training."""
    change = {
        "models": ["mask_r50"],
        "training": CONFIG["training"] | {"epochs": 10000, "validate_every": 0},
        "selection": {"policy": "last"},
        "compute": {"threads": threads},
    }
    (folder / "small.yaml").write_text(yaml.safe_dump(CONFIG | change))
    cells = [f"results/tiny/cells/setting1/mask_r50/seed{seed}" for seed in (0, 1)]
    files = [f"results/tiny/{name}" if "/" in name else f"{cell}/{name}" for name in names for cell in cells]
    command = [
        "snakemake",
        "--cores",
        "2",
        "--configfile",
        "config/demo.yaml",
        "small.yaml",
        "--",
        *dict.fromkeys(files),
    ]
    # what a person's shell may ask for does not count
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_WAIT_POLICY": "PASSIVE"}
    environment |= dict.fromkeys(VARIABLES, "7")
    with (folder / "log").open("w") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment)


@pytest.mark.parametrize(("threads", "count"), [(1, 2), (2, 1)])
def test_trainings_share_two_cores_by_their_threads(prepared, threads, count):
    shutil.rmtree(prepared / "work/tiny/cells", ignore_errors=True)
    process = start(prepared, threads, "training.json")
    try:
        found = settled(prepared, process, count)
        assert len(found) == count
        for training in found:
            said = training.environ()
            assert [said[name] for name in VARIABLES] == [str(threads)] * len(VARIABLES)
            assert (training.num_threads() == 1) == (threads == 1)
    finally:
        process.send_signal(signal.SIGTERM)  # starts no more
        while process.poll() is None:
            for training in trainings(prepared):
                training.terminate()
            time.sleep(0.5)
