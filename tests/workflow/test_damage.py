"""Damage done to runs: after each, running again ends in the files of an undisturbed run.

Random kills over four cells, every other damage over two.

make test-damage. NUCLEI_KILLS: how many random kills (300); NUCLEI_DAMAGE_SEED: of their order (0);
NUCLEI_DAMAGE_FOLDER: a folder that keeps the random kills' progress, so that they go on where the test was stopped.
"""

import copy
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from workflow.disturbed import new_project, results, run, stages, start
from workflow.killer import Killer

pytestmark = pytest.mark.damage
KILLS = int(os.environ.get("NUCLEI_KILLS", 300))
RUNS = 4
SEED = int(os.environ.get("NUCLEI_DAMAGE_SEED", 0))
SMALL = {
    "run": "damage",
    "raw": {"draw": {"train": 4, "test": 2, "size": 128, "seed": 5}},
    "models": ["mask_r50", "pointrend_r50"],
    "training": {
        "repeat": 1,
        "warmup": 2,
        "train_scales": [[96, 96], [128, 128]],
        "test_scale": [128, 128],
        "detections": 100,
    },
}
TWO_CELLS = SMALL | {"settings": [1]}
# about as many epochs as a quarter of the kills need, each of which lets nearly one pass
CONFIG = SMALL | {"settings": [1, 2], "training": SMALL["training"] | {"epochs": 20}}


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


def test_random_kills(tmp_path):
    """KILLS kills over RUNS runs of four cells, each of which ends in the files of an undisturbed run."""
    folder = Path(os.environ.get("NUCLEI_DAMAGE_FOLDER") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    wanted, file = folder / "undisturbed.json", folder / "state.json"
    if not wanted.exists():
        shutil.rmtree(folder / "undisturbed", ignore_errors=True)
        wanted.write_text(json.dumps(results(run_undisturbed(folder / "undisturbed", CONFIG))))
    undisturbed = json.loads(wanted.read_text())
    assert len([name for name in undisturbed if name.endswith("predictions.json")]) == 4
    state = json.loads(file.read_text()) if file.exists() else {"kills": 0, "runs": 0, "counts": {}}
    started = time.monotonic()
    while state["kills"] < KILLS or state["runs"] < RUNS:
        project = folder / f"run{state['runs'] + 1}"
        if not project.exists():
            shutil.rmtree(folder / "new", ignore_errors=True)
            new_project(folder / "new", CONFIG).rename(project)
        left = max(1, RUNS - state["runs"])
        last = state["kills"] + -(-(KILLS - state["kills"]) // left)
        Killer(project, file, state, SEED, KILLS, last).finish()
        assert results(project) == undisturbed
        state["runs"] += 1
        file.write_text(json.dumps(state))
        shutil.rmtree(project)
    minutes = (time.monotonic() - started) / 60
    print(f"{state['kills']} kills in {state['runs']} runs, {minutes:.0f} minutes now, nothing lost: {state['counts']}")
    assert KILLS < 100 or {"in validation", "before selection"} <= set(state["counts"])


def wait_for(folder, pattern, snakemake):
    """Wait until a file that fits the pattern is there."""
    while not list(folder.glob(pattern)):
        assert snakemake.poll() is None, (folder / "run.log").read_text()[-3000:]
        time.sleep(0.1)


def test_a_training_that_outlives_snakemake_is_waited_for(undisturbed, tmp_path):
    folder = new_project(tmp_path / "project", TWO_CELLS)
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
    folder = new_project(tmp_path / "project", TWO_CELLS)
    first = start(folder)
    wait_for(folder, "work/damage/cells/*/*/*/*", first)
    code, said = run(folder)
    assert code == 1
    assert "cannot be locked" in said
    assert first.wait() == 0
    assert results(folder) == undisturbed


def test_nan_in_one_cell_leaves_the_others_and_is_mended_by_its_rate(undisturbed, tmp_path):
    folder = new_project(tmp_path / "project", TWO_CELLS)
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
    folder = new_project(tmp_path / "project", TWO_CELLS)
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
