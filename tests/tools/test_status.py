"""tools/status.py: several runs, exit status, no package needed."""

import shutil
import subprocess
import sys

import pytest
from conftest import checkout
from support.run_states import begun, training

ALONE = [sys.executable, "-S", "-I", "-c"]  # Python without any installed package
RUN = """import runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, "tools")
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def project(tmp_path, made_run, monkeypatch):
    """A project with a finished run `good`, and a run `late` that trains."""
    folder = checkout(tmp_path / "project")
    shutil.copytree(made_run, folder / "results/good")
    monkeypatch.chdir(folder)
    record = begun("late")
    held = training(folder, run="late", epoch=2, epochs=3, left=1200)
    yield folder
    held.close()
    record.end("failed")


def status(folder, *runs):
    command = [*ALONE, RUN, "tools/status.py", *runs]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_exit_status_says_whether_all_is_done(project):
    good, late, both = status(project, "good"), status(project, "late"), status(project, "late", "good")
    assert (good.returncode, late.returncode, both.returncode) == (0, 1, 1), both.stderr
    assert good.stdout.splitlines()[0] == "run good: all 4 cells and the report are done"
    first, second, third = late.stdout.splitlines()
    assert first.startswith("run late: 1 running, 1 waiting, about ") and "Snakemake is process " in first
    assert second.startswith("  setting1/mask_r50/seed0  epoch 2/3, 20 min left (process ")
    assert third == "  setting2/mask_r50/seed0  waiting"
    assert both.stdout == late.stdout + good.stdout


def test_without_a_name_it_shows_what_snakemake_began(project):
    assert status(project).stdout == status(project, "late").stdout
    shutil.rmtree(project / "work")
    done = status(project)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: work: holds no run, wanted one that Snakemake began")


def test_an_unknown_run_is_one_line_beside_the_others(project):
    done = status(project, "bad", "results/good")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: run bad: nothing of it found in work/ and results/, wanted a run that began; check its name"
    ]
    assert done.stdout == status(project, "good").stdout != ""


def test_a_file_that_cannot_be_read_hides_no_other_run(project):
    config = project / "results/late/cells/setting1/mask_r50/seed0/config.py"
    config.parent.mkdir(parents=True)
    shutil.copy(project / "results/good/cells/setting1/mask_r50/seed0/training.json", config.parent)
    config.symlink_to(config)  # to itself, so that every look at it fails
    done = status(project, "late", "good")
    assert done.returncode == 1, done.stderr
    assert done.stdout.endswith(status(project, "good").stdout)


def test_a_damaged_record_is_said_and_finishes_nothing(project):
    (project / "work/good").mkdir()
    (project / "work/good/run.json").write_text("{")
    done = status(project, "good")
    assert done.returncode == 1
    assert done.stdout.splitlines()[:2] == [
        "run good: 4 done, Snakemake is not running",
        "  work/good/run.json: no record of a run found, so cells without a folder are not shown; run Snakemake again",
    ]


def test_a_reader_that_has_read_enough_is_no_error(project):
    command = [*ALONE, RUN, "tools/status.py", *["good"] * 300]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "run good: all 4 cells and the report are done\n"
        process.stdout.close()
        assert process.stderr.read() == ""
