"""How far a run is: cells in every state, the minutes left, what says that all is done."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from support.resolved_configs import resolved
from support.run_folder import MODELS, SEEDS
from support.run_states import begun, ended, failed_workflow, training

from nuclei.common.stage import InputError
from nuclei.models.config_tree import python_text
from nuclei.report.run_status import CellStatus, run_status, time_left
from nuclei.report.status_text import page, state_text


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_of_a_run_is_an_error():
    with pytest.raises(InputError, match="run r: nothing of it found"):
        run_status("r")


def test_a_run_that_began_has_all_its_cells_waiting():
    record = begun()
    found = run_status("r")
    assert [(cell.name, cell.state) for cell in found.cells] == [
        ("setting1/mask_r50/seed0", "waiting"),
        ("setting2/mask_r50/seed0", "waiting"),
    ]
    assert (found.finished, found.left) == (False, None)
    assert found.snakemake.startswith(f"process {os.getpid()} on ")
    ended(record)
    assert run_status("r").snakemake == ""
    assert page(run_status("r")).splitlines()[0] == "run r: 2 waiting, Snakemake is not running"


def test_a_training_says_its_epoch_its_time_left_and_where_it_runs(project, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    begun()
    held = training(project, epoch=2, epochs=3, left=240)
    log = project / "results/r/logs/setting1.mask_r50.seed0.train.log"
    first = run_status("r", now=log.stat().st_mtime + 60).cells[0]
    assert (first.state, first.stage, first.epoch, first.epochs) == ("running", "train", 2, 3)
    assert first.left == pytest.approx(180, abs=2)
    assert first.where.startswith(f"process {os.getpid()} on ") and first.where.endswith(", SLURM job 77")
    assert state_text(first) == "epoch 2/3, 3 min left"
    held.close()


def test_a_training_whose_epochs_are_all_there_is_in_its_last(project):
    begun()
    held = training(project, epoch=4, epochs=3)
    first = run_status("r").cells[0]
    assert (first.epoch, first.epochs) == (3, 3)
    held.close()


def test_a_stopped_training_waits_with_its_epochs_done(project):
    begun()
    training(project, epoch=3, epochs=4).close()
    (project / "results/r/cells/setting1/mask_r50/seed0").mkdir(parents=True)
    (project / "results/r/cells/setting1/mask_r50/seed0/config.py").write_text("runner = dict(max_epochs=4)\n")
    first = run_status("r").cells[0]
    assert state_text(first) == "waiting, 2 of 4 epochs done"


def test_trainings_by_time_have_their_minutes_left(project):
    """Two of 30 minutes one after the other; how many epochs they have is not known before."""
    begun()
    training(project, epoch=3).close()
    for setting in (1, 2):
        folder = project / f"results/r/cells/setting{setting}/mask_r50/seed0"
        folder.mkdir(parents=True)
        config = resolved("mask_r50", epochs=None, minutes=30)
        (folder / "config.py").write_text(python_text(config))
    found = run_status("r")
    assert found.left == 2 * 30 * 60
    assert [state_text(cell) for cell in found.cells] == ["waiting, 2 of ? epochs done", "waiting"]


def test_a_log_of_a_former_training_says_nothing_of_a_new_one(project):
    begun()
    held = training(project)
    log = project / "results/r/logs/setting1.mask_r50.seed0.train.log"
    os.utime(log, (1, 1))
    first = run_status("r").cells[0]
    assert (first.state, first.left, first.epochs) == ("running", None, None)
    held.close()


def test_stages_after_the_training(project, undisturbed):
    record = begun()
    config, out = undisturbed
    folder = project / "results/r/cells/setting1/mask_r50/seed0"
    folder.mkdir(parents=True)
    shutil.copy(config, folder / "config.py")
    shutil.copy(out / "training.json", folder)
    assert state_text(run_status("r").cells[0]) == "waiting, trained"
    logs = project / "results/r/logs"
    logs.mkdir()
    (folder / "checkpoint.json").touch()
    (logs / "setting1.mask_r50.seed0.predict.log").write_text("begins\n")
    assert state_text(run_status("r").cells[0]) == "running: predict"
    ended(record)
    assert state_text(run_status("r").cells[0]) == "waiting, trained"
    (folder / "config.py").write_text("changed = True\n")  # so this is the training of another config
    assert state_text(run_status("r").cells[0]) == "waiting"


def test_a_finished_run_is_that_of_its_manifest(project, made_run):
    shutil.copytree(made_run, project / "results/r")
    found = run_status("r")  # it has no record: its cells are those on the disk
    assert {cell.state for cell in found.cells} == {"done"} and len(found.cells) == 4
    scores = {f"results/r/cells/{cell.name}/scores.json": cell.score for cell in found.cells}
    assert scores == {path: json.loads(Path(path).read_text())["map_report"] for path in scores}
    assert found.finished and page(found).splitlines()[0] == "run r: all 4 cells and the report are done"
    path = project / f"results/r/cells/{found.cells[0].name}/scores.json"
    path.write_text(path.read_text() + "\n")
    assert not run_status("r").finished
    path.unlink()
    assert run_status("r").cells[0].state == "waiting"


def test_failures_are_those_of_snakemakes_log(project):
    log = failed_workflow(project)
    record = begun(logs=[str(log)])
    found = run_status("r")
    first, second = found.cells
    assert (first.state, first.stage, first.last) == ("failed", "train", "error: loss is nan")
    assert second.state == "waiting"
    assert found.others == [("make_split", "error: no images")]  # check_part did well when it was tried again
    assert "setting1/mask_r50/seed0  failed: train: error: loss is nan" in page(found)
    ended(record)
    assert run_status("r").cells[0].state == "failed"
    # another Snakemake that ended, such as `snakemake plan`, does not make it forgotten; what was made since does
    ended(begun(logs=[]), "done")
    assert run_status("r").cells[0].state == "failed"
    # while another one works, what failed before may still be made by it
    (project / "other.log").touch()
    other = begun(logs=["other.log"])
    assert run_status("r").cells[0].state == "waiting"
    ended(other)
    (project / "one.txt").touch()
    os.utime(project / "results/r/logs/make_split.log", (time.time() + 60,) * 2)
    found = run_status("r")
    assert (found.cells[0].state, found.others) == ("waiting", [])


def test_a_failed_job_leaves_done_what_is_done_but_the_run_is_not_finished(project, made_run):
    shutil.copytree(made_run, project / "results/r")
    log = failed_workflow(project)  # it failed to train a cell again
    ended(begun(cells=[(1, model, seed) for model in MODELS for seed in SEEDS], logs=[str(log)]))
    found = run_status("r")
    assert {cell.state for cell in found.cells} == {"done"}
    assert found.others == [("make_split", "error: no images")] and not found.finished


def cell(model, state, **more):
    return CellStatus(1, model, 0, state, **more)


def test_the_time_left_goes_by_what_trainings_take():
    done = cell("a", "done", seconds=100.0, epoch=2, epochs=2)
    assert time_left([done]) == 0
    assert time_left([cell("a", "waiting")]) is None
    running = cell("b", "running", stage="train", seconds=300.0, left=200.0)
    assert time_left([done, running]) == 200
    # a waits as long as a took, c as the mean of both, d half of that, and one trains at a time
    waiting = [cell("a", "waiting"), cell("c", "waiting"), cell("d", "waiting", epoch=1, epochs=2)]
    assert time_left([done, running, *waiting]) == 200 + 100 + 200 + 100
    other = cell("b", "running", stage="train", seconds=300.0, left=300.0)
    assert time_left([done, running, other, *waiting]) == (500 + 400) / 2
    assert time_left([done, running, other]) == 300  # not less than the longest
    assert time_left([done, cell("a", "failed")]) == 0
    assert time_left([done, cell("a", "waiting", epoch=2, epochs=2)]) == 0  # trained, so only its scores are to come
