"""The one command of the check on a card: its steps, its times, and that nothing stops it."""

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path

import check_gpu
import pytest
from check_gpu import Step, limits, run_all, steps
from conftest import ROOT

LONG = 600.0  # seconds, more than any of these steps takes


def options(tmp_path, **changed):
    """Options of the command line, as its parser gives them."""
    values = {"kit": None, "data": tmp_path, "minutes": LONG / 60, "out": tmp_path / "out", "work": tmp_path / "work"}
    values |= {"device": "cpu", "small": True}
    return argparse.Namespace(**(values | changed))


@pytest.fixture
def run(tmp_path):
    """A function: run steps, each given as (name, share, Python code); returns ({name: how it ended}, log, rows)."""

    def call(*parts, **changed):
        args = options(tmp_path, **changed)
        args.out.mkdir(exist_ok=True)
        chosen = [Step(name, share, ["-c", code]) for name, share, code in parts]
        with (args.out / "check.log").open("a") as log:
            rows = run_all(args, chosen, log)
        assert json.loads((args.out / "steps.json").read_text()) == rows
        return {row["name"]: row["ended"] for row in rows}, (args.out / "check.log").read_text(), rows

    return call


def test_a_step_that_fails_does_not_stop_the_others(run, capsys):
    ended, log, _ = run(
        ("first", 1, "print('one'); raise SystemExit(3)"),
        ("second", 1, "import os; print('two'); os.kill(os.getpid(), 9)"),
        ("third", 1, "import sys; print('three', file=sys.stderr)"),
    )
    assert ended == {"first": "failed (exit status 3)", "second": "failed (exit status -9)", "third": "ok"}
    assert [line for line in log.splitlines() if line in ("one", "two", "three")] == ["one", "two", "three"]
    assert capsys.readouterr().out == log


def test_a_step_is_ended_at_its_limit_with_all_that_it_started(run, tmp_path):
    nap = f"{LONG + random.random()}"
    started = f"import subprocess, sys; subprocess.Popen(['sleep', '{nap}']); print('begun', flush=True); "
    ended, log, rows = run(
        # the second one has nearly all of the time, so that only the first can come to its limit
        ("endless", 10, started + f"import time; time.sleep({LONG})"),
        ("next", 590, started),
        minutes=LONG / 60,
    )
    assert ended == {"endless": "ended at its limit of 10 s", "next": "ok"}
    assert rows[0]["limit_seconds"] == 10
    assert log.count("begun\n") == 2
    left = subprocess.run(["pgrep", "-f", f"^sleep {nap}$"], capture_output=True, text=True).stdout
    assert not left


def test_a_signal_ends_the_running_step_too(tmp_path):
    code = f"""
import argparse, pathlib, signal, sys
sys.path.insert(0, {str(ROOT / "tools")!r})
from check_gpu import Step, run_all
signal.signal(signal.SIGTERM, signal.default_int_handler)
out = pathlib.Path({str(tmp_path)!r})
args = argparse.Namespace(kit=None, minutes=10, out=out, work=out)
sleep = "import os, time; print('begun', os.getpid(), flush=True); time.sleep({LONG})"
run_all(args, [Step("endless", 1, ["-c", sleep])], (out / "log").open("w"))
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    pid = next(int(line.split()[1]) for line in process.stdout if line.startswith("begun"))
    process.terminate()
    assert "KeyboardInterrupt" in process.communicate()[1]
    assert not Path(f"/proc/{pid}").exists()


def test_a_step_has_its_share_and_what_the_others_left(run):
    _, log, rows = run(("quick", 0.5, "pass"), ("last", 0.5, "print('LEFT_MINUTES')"))
    assert rows[0]["limit_seconds"] == LONG / 2
    assert LONG / 2 < rows[1]["limit_seconds"] <= LONG  # all but what the first took, in whole seconds
    told = float(next(line for line in log.splitlines() if line.replace(".", "").isdigit()))
    assert told == pytest.approx((rows[1]["limit_seconds"] - check_gpu.GRACE) / 60, abs=0.01)
    assert limits([Step("a", 0.1, []), Step("b", 0.3, [])], 100) == pytest.approx([25, 75])


def test_without_time_nothing_begins(run):
    ended, log, _ = run(("first", 1, "print('begun')"), minutes=0.01)
    assert ended == {"first": "not begun: no time left"}
    assert "begun\n" not in log


def test_steps_find_the_kit_s_packages_and_the_records(run, tmp_path):
    code = "import os, sys, gpu.records as r; r.record('x', site=sys.path[1], pip=os.getenv('PIP_NO_INDEX'))"
    ended, _, _ = run(("only", 1, code), kit=tmp_path / "kit")
    assert ended == {"only": "ok"}
    row = json.loads((tmp_path / "out/records.jsonl").read_text())
    assert (row["site"], row["pip"]) == (str(tmp_path / "work/site"), "1")


def test_steps_come_in_the_order_of_their_worth(tmp_path):
    known = steps(options(tmp_path, kit=tmp_path / "kit", device="cuda", small=False))
    names = [step.name for step in known]
    first = ["card", "packages", "mmcv", "data"]
    assert names == [*first, "operators", "steps", "speed", "other tests", "training", "page"]
    assert sum(step.share for step in known) == pytest.approx(1)
    assert all("cpu" not in step.command and "--small" not in step.command for step in known)
    raw = str(tmp_path / "work/raw")
    assert [step.name for step in known if raw in step.command] == ["data", "speed", "training"]
    assert [step.name for step in steps(options(tmp_path))] == ["card", *names[4:]]
    assert all((ROOT / step.command[0]).is_file() for step in known if step.command[0].endswith(".py"))
    assert all((ROOT / step.needs).is_file() for step in known if step.needs)


def command(*arguments):
    """Run tools/check_gpu.py without the project's own packages, as the machine with the card does."""
    whole = [sys.executable, str(ROOT / "tools/check_gpu.py"), *map(str, arguments)]
    return subprocess.run(whole, capture_output=True, text=True)


def test_a_dry_run_says_each_step_and_runs_none(tmp_path):
    (tmp_path / "kit.json").write_text("{}")
    done = command("--kit", str(tmp_path), "--minutes", "10", "--dry-run", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "10 minutes, device cuda; nothing is run."
    assert "  150 s  mmcv" in lines
    assert any(line.endswith("-s -rs -p no:cacheprovider tests/gpu/test_gpu_operators.py") for line in lines)
    assert not (tmp_path / "out").exists()


def test_wrong_options_get_one_line(tmp_path):
    done = command("--kit", str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr == f"error: {tmp_path}: holds no kit.json, wanted a kit of make gpu-kit; check KIT=\n"
    done = command("--only", "card,tabel")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --only: tabel found, wanted some of card, operators")


def test_it_starts_with_the_standard_library_alone():
    code = "import sys; sys.path.insert(0, 'tools'); import check_gpu; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_card_step_says_what_runs_here(tmp_path):
    done = command("--device", "cpu", "--only", "card", "--out", tmp_path / "out", "--work", tmp_path / "work")
    assert done.returncode == 0, done.stdout
    row = json.loads((tmp_path / "out/records.jsonl").read_text())
    assert (row["kind"], row["name"], row["memory_gb"]) == ("card", "none: CPU", None)
    assert row["python"] == sys.version.split()[0]
    assert row["cores"] >= 1
