"""Damage done to runs: after each, running again ends in the files of an undisturbed run.

Random kills over the whole DAG of the demo, every other damage over two of its cells.

make test-damage. NUCLEI_KILLS: how many random kills (100); NUCLEI_DAMAGE_SEED: of their order (0).
"""

import collections
import contextlib
import copy
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time

import psutil
import pytest
import torch
import yaml
from conftest import checkout

pytestmark = pytest.mark.damage
KILLS = int(os.environ.get("NUCLEI_KILLS", 100))
SEED = int(os.environ.get("NUCLEI_DAMAGE_SEED", 0))
# The demo's DAG: six models in two settings, three epochs each; smaller images and fewer passes over them.
CONFIG = {
    "run": "damage",
    "raw": {"draw": {"train": 4, "test": 2, "size": 128, "seed": 5}},
    "training": {
        "repeat": 1,
        "warmup": 2,
        "train_scales": [[96, 96], [128, 128]],
        "test_scale": [128, 128],
        "detections": 100,
    },
    "model_options": {
        model: {"data.train.times": 1} for model in ("mask_x101", "cascade_x101", "ms_rcnn_x101", "cascade_r50")
    },
}
TWO_CELLS = CONFIG | {"models": ["mask_r50", "pointrend_r50"], "settings": [1]}
# what may differ between two runs: times of the clock, and what shows them
CLOCK = {"log.jsonl", "training.json", "manifest.json", "report.html", "cells.csv", "curves.png"}


def start(folder, *arguments, config="damage.yaml"):
    """Snakemake on the demo config with a smaller one on top, in a session of its own; its text goes to run.log."""
    command = ["snakemake", "--cores", "2", "--configfile", "config/demo.yaml", config, *arguments]
    with (folder / "run.log").open("a") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        )


def run(folder, *arguments, config="damage.yaml"):
    """Run to the end; returns (exit status, what this run printed)."""
    before = (folder / "run.log").stat().st_size if (folder / "run.log").exists() else 0
    code = start(folder, *arguments, config=config).wait()
    return code, (folder / "run.log").read_text()[before:]


def new_project(folder, config=TWO_CELLS):
    """A copy of the project with a config of this test."""
    folder.mkdir()
    checkout(folder)
    (folder / "damage.yaml").write_text(yaml.safe_dump(config))
    return folder


def results(folder):
    """{path: SHA-256} of what a run made; not of files with times of the clock, nor of what a kill left half done."""
    top = folder / "results/damage"
    found = {}
    for path in sorted(top.rglob("[!.]*")):
        relative = path.relative_to(top)
        if path.is_file() and path.name not in CLOCK and relative.parts[0] != "logs":
            found[str(relative)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def run_undisturbed(folder, config):
    """A project after a run that nothing disturbed."""
    started = time.monotonic()
    code, said = run(new_project(folder, config))
    assert code == 0, said[-5000:]
    print(f"\nundisturbed run: {len(results(folder))} files, {time.monotonic() - started:.0f} s", flush=True)
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The project after an undisturbed run of two cells."""
    return run_undisturbed(tmp_path_factory.mktemp("undisturbed") / "project", TWO_CELLS)


@pytest.fixture(scope="module")
def undisturbed(finished):
    """Results of an undisturbed run of two cells."""
    found = results(finished)
    assert len([name for name in found if name.endswith("predictions.json")]) == 2
    return found


def alive(folder):
    """Processes that work in the project's folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def stages(folder):
    """Running stages: {process: name of its script}."""
    found = {}
    for process in alive(folder):
        with contextlib.suppress(psutil.Error):
            for word in process.cmdline()[:3]:
                if match := re.fullmatch(r"scripts/(\w+)\.py", word):
                    found[process] = match[1]
    return found


def epochs(folder):
    """{work folder: epochs in the state that it would go on from}."""
    found = {}
    for work in folder.glob("work/damage/cells/*/*/*/*"):
        for name in ("last.pth", "previous.pth"):
            with contextlib.suppress(OSError, RuntimeError, EOFError):
                state = torch.load(work / name, map_location="cpu", weights_only=True)
                found[work] = max(found.get(work, 0), state["meta"]["epoch"])
    return found


class Killer:
    """Runs Snakemake in a folder until it ends well, and does random damage all the while."""

    def __init__(self, folder, chance, counts, left):
        self.folder, self.chance, self.counts, self.left = folder, chance, counts, left
        self.reached = {}

    def check_nothing_is_lost(self, spared=()):
        """No training falls behind what it had reached, unless its state was cut by this test: then by one epoch."""
        now = epochs(self.folder)
        for work, epoch in self.reached.items():
            assert now.get(work, 0) >= epoch - (work in spared), f"{work}: epoch {now.get(work, 0)}, had {epoch}"
        self.reached = now

    def strike(self, snakemake):
        """Kill something that runs."""
        running = stages(self.folder)
        kind = self.chance.choice(["stage", "stage", "stage", "Snakemake", "everything", "SIGTERM", "SIGUSR1"])
        name = ""
        if kind == "everything":
            for process in alive(self.folder):
                with contextlib.suppress(psutil.Error):
                    process.kill()
        elif kind == "Snakemake":
            snakemake.kill()
        else:
            trainings = {process: name for process, name in running.items() if name == "train"}
            running = running if kind == "stage" else trainings
            if not running:
                return
            victim = self.chance.choice(sorted(running, key=lambda process: process.pid))
            name = f" {running[victim]}"
            with contextlib.suppress(psutil.Error):
                victim.send_signal({"stage": signal.SIGKILL}.get(kind) or signal.Signals[kind])
        self.counts[kind + name] += 1
        self.left -= 1

    def cut(self):
        """Now and then, cut the newest state of a training that is not running."""
        states = sorted(self.folder.glob("work/damage/cells/*/*/*/*/last.pth"), key=lambda path: path.stat().st_mtime)
        busy = alive(self.folder)
        if not states or busy or self.chance.random() > 0.2:
            return []
        path = states[-1]
        path.write_bytes(path.read_bytes()[: self.chance.randrange(path.stat().st_size)])
        self.counts["last.pth cut"] += 1
        return [path.parent]

    def finish(self):
        """Run until the end, striking `left` times at most."""
        while True:
            if (self.folder / ".snakemake/locks").is_dir() and list((self.folder / ".snakemake/locks").iterdir()):
                assert run(self.folder, "--unlock")[0] == 0
            snakemake = start(self.folder)
            while snakemake.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    snakemake.wait(self.chance.uniform(0.5, 20))
                if snakemake.poll() is None and self.left > 0:
                    self.strike(snakemake)
            if snakemake.returncode == 0:
                for process in alive(self.folder):  # a training that outlived its Snakemake
                    process.wait()
                return
            if self.left <= 0:
                for process in alive(self.folder):
                    process.wait()
            self.check_nothing_is_lost(self.cut())
            done = len(list(self.folder.glob("results/damage/cells/*/*/*/scores.json")))
            print(f"{KILLS - self.left}/{KILLS} kills, {done}/12 cells scored, {dict(self.counts)}", flush=True)


def test_random_kills(tmp_path):
    undisturbed = results(run_undisturbed(tmp_path / "undisturbed", CONFIG))
    assert len([name for name in undisturbed if name.endswith("predictions.json")]) == 12
    chance, counts, rounds = random.Random(SEED), collections.Counter(), 0
    started, left = time.monotonic(), KILLS
    while left > 0:
        rounds += 1
        killer = Killer(new_project(tmp_path / f"round{rounds}", CONFIG), chance, counts, left)
        killer.finish()
        left = killer.left
        assert results(killer.folder) == undisturbed
        shutil.rmtree(killer.folder)
    minutes = (time.monotonic() - started) / 60
    print(f"{KILLS} kills in {rounds} runs of 12 cells, {minutes:.0f} minutes, nothing lost: {dict(counts)}")


def wait_for(folder, pattern, snakemake):
    """Wait until a file that fits the pattern is there."""
    while not list(folder.glob(pattern)):
        assert snakemake.poll() is None, (folder / "run.log").read_text()[-3000:]
        time.sleep(0.1)


def test_a_training_that_outlives_snakemake_is_waited_for(undisturbed, tmp_path):
    folder = new_project(tmp_path / "project")
    snakemake = start(folder)
    wait_for(folder, "work/damage/cells/*/*/*/*/last.pth", snakemake)
    snakemake.kill()
    snakemake.wait()
    code, said = run(folder)
    assert code == 1
    assert "--unlock" in said
    orphans = [process for process, name in stages(folder).items() if name == "train"]
    assert orphans
    for process in orphans:
        process.suspend()
    assert run(folder, "--unlock")[0] == 0
    again = start(folder)
    while "waits for it" not in (folder / "run.log").read_text():
        assert again.poll() is None
        time.sleep(0.1)
    for process in orphans:
        process.resume()
    assert again.wait() == 0
    assert "trained already" in (folder / "run.log").read_text()
    assert results(folder) == undisturbed


def test_two_runs_at_once_in_one_folder(undisturbed, tmp_path):
    folder = new_project(tmp_path / "project")
    first = start(folder)
    wait_for(folder, "work/damage/cells/*/*/*/*", first)
    code, said = run(folder)
    assert code == 1
    assert "cannot be locked" in said
    assert first.wait() == 0
    assert results(folder) == undisturbed


def test_nan_in_one_cell_leaves_the_others_and_is_mended_by_its_rate(undisturbed, tmp_path):
    folder = new_project(tmp_path / "project")
    broken = copy.deepcopy(TWO_CELLS)
    broken["model_options"]["mask_r50"] = {"optimizer.lr": 1e30, "optimizer_config.grad_clip": None}
    (folder / "broken.yaml").write_text(yaml.safe_dump(broken))
    code, said = run(folder, config="broken.yaml")
    assert code == 1
    errors = set(re.findall(r"^error: (.*?): loss is (?:nan|inf)", said, re.M))
    assert errors == {"mask_r50/setting1/seed0"}
    assert [path.parts[-3] for path in folder.glob("results/damage/cells/*/*/*/scores.json")] == ["pointrend_r50"]
    code, said = run(folder)
    assert code == 0
    trained = set(re.findall(r"(\w+/setting[12]/seed0) epoch 3/3: validation", said))
    assert trained == {"mask_r50/setting1/seed0"}
    assert results(folder) == undisturbed


def test_a_chosen_checkpoint_that_is_damaged_later(finished, undisturbed, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(finished, folder, symlinks=True)
    cell = folder / "results/damage/cells/setting1/mask_r50/seed0"
    (work,) = (folder / "work/damage/cells/setting1/mask_r50/seed0").iterdir()
    chosen = json.loads((cell / "checkpoint.json").read_text())["epoch"]
    for path in (cell / "checkpoint.pth", cell / f"checkpoints/epoch_{chosen}.pth", work / f"epoch_{chosen}.pth"):
        path.write_bytes(path.read_bytes()[:1000])  # hard links, as a run leaves them; copies here
    (cell / "predictions.json").unlink()
    code, said = run(folder)
    assert code == 1
    assert "remove the folder checkpoints beside it and run again" in said
    shutil.rmtree(cell / "checkpoints")
    code, said = run(folder)
    assert code == 0
    assert set(re.findall(r"(\w+/setting[12]/seed0) epoch 3/3: validation", said)) == {"mask_r50/setting1/seed0"}
    assert results(folder) == undisturbed


def test_disk_full_in_mid_run(undisturbed, tmp_path):
    """results/ and work/ on a tmpfs with room for a third of the run, then for all of it."""
    folder = new_project(tmp_path / "project")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "none", disk], capture_output=True).returncode:
        pytest.skip("mounting a tmpfs wants root")
    try:
        for name in ("results", "work"):
            (disk / name).mkdir()
            (folder / name).symlink_to(disk / name)
        code, said = run(folder)
        assert code == 1
        errors = re.findall(r"^error: .*$", said, re.M)
        assert errors
        assert all(re.search(r": no space left on the disk; free some and run again$", line) for line in errors), errors
        assert "Traceback" not in said
        subprocess.run(["mount", "-o", "remount,size=4g", disk], check=True)
        assert run(folder)[0] == 0
        assert results(folder) == undisturbed
    finally:
        subprocess.run(["umount", disk], check=True)
