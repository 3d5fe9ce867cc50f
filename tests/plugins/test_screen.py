"""The logger plugin: its frames, its lines, and a run of Snakemake in a real pseudo-terminal."""

import contextlib
import fcntl
import io
import logging
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pyte
import pytest
from conftest import ROOT, checkout
from rich.console import Console
from snakemake.logging import DefaultFormatter
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.tests import MockOutputSettings
from support.run_states import begun
from support.tiny import CELLS, overlay, planned, snakemake

from nuclei.report.run_status import CellStatus, RunStatus
from snakemake_logger_plugin_nuclei.capture import Capture
from snakemake_logger_plugin_nuclei.screen import frame
from snakemake_logger_plugin_nuclei.watcher import Watcher


def shown(status, height=30, **more):
    """Lines of a frame on a terminal of 100 columns."""
    facts = {"steps": (3, 12), "now": [], "warning": "", "clock": 4000.0} | more
    console = Console(file=io.StringIO(), width=100, height=height)
    console.print(frame(status, height=height, **facts))
    return console.file.getvalue().splitlines()


STATES = [
    CellStatus(1, "mask_r50", 0, "done", score=0.6371, epoch=3, epochs=3),
    CellStatus(2, "mask_r50", 0, "running", epoch=2, epochs=3, stage="train", left=250.0),
    CellStatus(1, "mask_x101", 0, "failed", stage="predict", last="error: out of memory"),
    CellStatus(2, "mask_x101", 0, "waiting"),
]


def test_a_frame_shows_each_cell_in_its_place():
    status = RunStatus("demo", STATES, [("check_part", "error: no images")], left=1200.0, started=375.0)
    lines = shown(status, now=["report page"], warning="warning: a: 3 nuclei found, 4 expected")
    assert re.match(r"run demo +1:00:25 +━+[╸╺]?━* +3 of 12 steps +about 20 min left", lines[0])
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    assert cells == [
        ["mask_r50", "done, AP50 0.637", "epoch 2/3, 4 min left"],
        ["mask_x101", "failed: predict", "waiting"],
    ]
    assert [line.rstrip() for line in lines[-4:]] == [
        "now: report page",
        "check_part failed: error: no images",
        "setting1/mask_x101/seed0 failed in predict: error: out of memory",
        "last warning: a: 3 nuclei found, 4 expected",
    ]


def test_many_cells_fit_a_small_terminal_and_the_busy_ones_are_seen():
    cells = [CellStatus(s, f"model{m}", seed, "waiting") for m in range(14) for seed in range(10) for s in (1, 2)]
    cells[200] = CellStatus(1, "model10", 0, "running", stage="train", epoch=1, epochs=9)
    lines = shown(RunStatus("many", cells), height=24)
    assert len(lines) <= 24
    (busy,) = (line for line in lines if "epoch 1/9" in line)
    assert "model10, seed 0" in busy
    assert any("… 126 more rows" in line for line in lines)


def test_many_failures_fit_a_small_terminal():
    cells = [CellStatus(1, f"model{m}", 0, "failed", stage="train", last="error: loss is nan") for m in range(20)]
    lines = shown(RunStatus("many", cells), height=24)
    assert len(lines) <= 24
    assert sum("failed in train: error: loss is nan" in line for line in lines) == 4


def test_the_head_says_what_is_left_once_all_cells_are_done():
    heads = [shown(RunStatus("demo", STATES[:1], finished=finished))[0] for finished in (False, True)]
    assert heads[0].rstrip().endswith("tables and report") and heads[1].rstrip().endswith("12 steps  done")


def event(kind, message=None, level=logging.INFO, **facts):
    record = logging.LogRecord("snakemake", level, "x.py", 1, message, (), None)
    record.__dict__.update(event=kind, **facts)
    return record


@contextlib.contextmanager
def watching():
    """A watcher that is not on a terminal, in a folder with a run of all the demo's cells."""
    record = begun("demo", [(setting, model, 0) for setting, model in CELLS])
    found = Watcher(MockOutputSettings())
    found.show(event(LogEvent.JOB_STARTED, jobs=[1]))
    yield found
    found.close()
    record.end("failed")


def test_the_demo_takes_at_most_150_lines_without_a_terminal(tmp_path, monkeypatch, capfd):
    done = subprocess.run(
        ["snakemake", "-n", "--cores", "2", "--configfile", "config/demo.yaml", "--config", "run=none"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    jobs = [rule for rule, count in planned(done).items() for _ in range(count)]
    assert jobs.count("train") == 12 and len(jobs) > 100
    monkeypatch.chdir(tmp_path)
    with watching() as watcher:
        for number, rule in enumerate(jobs):
            facts = {"jobid": number, "rule_name": rule, "rule_msg": f"job {number} of {rule}"}
            watcher.show(event(LogEvent.JOB_INFO, f"rule {rule}:", **facts))
            watcher.show(event(LogEvent.SHELLCMD, "true"))
            watcher.show(event(None, "Select jobs to execute..."))
            watcher.show(event(LogEvent.JOB_FINISHED, "Finished", job_id=number))
            watcher.show(event(LogEvent.PROGRESS, done=number + 1, total=len(jobs)))
    lines = capfd.readouterr().err.splitlines()
    assert sum(": begins" in line for line in lines) == 12
    assert sum(" of score_predictions: " in line for line in lines) == 12
    # beside them at most ten of Snakemake's own at its start, and one line in five minutes
    assert 40 < len(lines) < 100
    assert lines[-1].startswith("run demo: 12 waiting")


def test_a_failed_job_is_told_with_the_end_of_its_log(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "train.log"
    log.write_text("".join(f"line {number}\n" for number in range(50)) + "error: loss is nan\n")
    facts = {"jobid": 5, "rule_name": "train", "rule_msg": "training of mask_r50"}
    with watching() as watcher:
        watcher.show(event(LogEvent.JOB_INFO, "rule train:", **facts))
        watcher.show(event(None, "RuleException:\nCalledProcessError in file x", logging.ERROR))
        watcher.show(event(LogEvent.JOB_ERROR, "Error", logging.ERROR, jobid=5, rule_name="train", log=[str(log)]))
    lines = capfd.readouterr().err.splitlines()
    assert lines.pop(0).endswith(" training of mask_r50: begins")
    assert lines.pop().startswith("run demo: ")
    assert lines[0] == f"error: training of mask_r50 failed; its log: {log}"
    assert lines[1:] == [f"    line {number}" for number in range(31, 50)] + ["    error: loss is nan"]


def test_the_plan_prints_its_page_as_without_the_plugin(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    watcher = Watcher(MockOutputSettings())
    os.write(1, b"before\n")
    watcher.show(event(LogEvent.RUN_INFO, "Job stats:\nplan 1", stats={"plan": 1}))
    subprocess.run(["echo", "## Trainings"])
    watcher.close()
    said = capfd.readouterr()
    assert said.out == "before\n## Trainings\n"
    assert said.err == "Job stats:\nplan 1\n"


def test_what_jobs_print_is_kept_away_and_its_last_warning_is_found(capfd):
    capture = Capture()
    subprocess.run("echo 'warning: one'; echo 12/90 iterations; echo 'warning: two' >&2; echo more", shell=True)
    assert capture.last_warning() == "warning: two"
    assert capture.last_warning() == ""
    print("here", file=capture.stderr)
    capture.release(replay=False)
    subprocess.run(["echo", "after"])
    assert capfd.readouterr() == ("after\n", "here\n")


TARGET = "results/tiny/data/split.json"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return checkout(tmp_path_factory.mktemp("watched") / "project")


def on_a_terminal(folder, *command, size=(30, 100)):
    """Run a command in a pseudo-terminal; (exit status, its screen at the end, all that it wrote)."""
    environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(folder / "plugins")}
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), follower)
    with subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **streams) as process:
        os.close(follower)
        written = b""
        while True:
            try:
                part = os.read(leader, 65536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not part:
                break
            written += part
    os.close(leader)
    screen = pyte.Screen(size[1], size[0])
    pyte.ByteStream(screen).feed(written)
    return process.returncode, screen, written.decode()


def test_a_run_on_a_real_terminal(project):
    config = overlay(project, notify='echo "$1 $2" > told')
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--logger", "nuclei"]
    command += ["--configfile", "config/demo.yaml", config, "--", TARGET]
    status, screen, written = on_a_terminal(project, *command)
    lines = [line.rstrip() for line in screen.display]
    assert status == 0, written
    (head,) = (at for at, line in enumerate(lines) if line.startswith("run tiny  "))  # one screen, drawn over and over
    assert re.search(r"━+ +(\d+) of \1 steps$", lines[head])
    grid = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    models = list(dict.fromkeys(model for _, model in CELLS))
    assert grid == [[model, "waiting", "waiting"] for model in models]
    assert "run tiny: 12 waiting, Snakemake is not running" in lines
    assert not screen.cursor.hidden
    assert written.count("setting 1") > 1
    assert (project / "told").read_text() == "tiny done\n"
    log = max((project / ".snakemake/log").glob("*.snakemake.log")).read_text()
    assert "Finished jobid" in log and DefaultFormatter().format(event(LogEvent.PROGRESS, done=1, total=2)) != ""


def test_a_run_that_fails_in_a_file_of_its_own(project):
    (project / "empty/train").mkdir(parents=True)
    raw = {"draw": None, "dataset": {"path": "empty"}}
    config = overlay(project, run="bad", raw=raw, notify='echo "$1 $2" > told')
    arguments = ["--logger", "nuclei", "--", "results/bad/data/checked/train.json"]
    done = snakemake(project, *arguments, config=config, environment={"PYTHONPATH": str(project / "plugins")})
    assert done.returncode == 1 and done.stdout == ""
    lines = done.stderr.splitlines()
    assert [line for line in lines if "check of the raw data: train failed" in line], done.stderr
    assert [line for line in lines if line.startswith("    error: empty")], done.stderr
    assert len(lines) < 30
    assert (project / "told").read_text() == "bad failed\n"
    said = subprocess.run([sys.executable, "tools/status.py", "bad"], cwd=project, capture_output=True, text=True)
    assert said.returncode == 1
    assert re.search(r"^  check_part +failed: error: ", said.stdout, re.MULTILINE)


def test_a_bad_config_is_told_as_without_the_plugin(project):
    said = []
    for more in ([], ["--logger", "nuclei"]):
        environment = {"PYTHONPATH": str(project / "plugins")}
        done = snakemake(project, *more, "--config", "runs=x", config=overlay(project), environment=environment)
        assert done.returncode == 1
        said.append(done.stderr)
    assert said[0] == said[1] and "error: config: " in said[0]
