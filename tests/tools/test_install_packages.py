"""tools/install_packages.py: what each pip installs, in which order, and what is said of a pip that fails."""

import json
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from install_packages import FIRST, MEGABYTES, TOGETHER, batches, pins

TEXT = (ROOT / "requirements.txt").read_text()
NAMES = re.findall(r"^([A-Za-z0-9._-]+)==", TEXT, re.MULTILINE)
PIP = """import json, os, sys, time
content = open(sys.argv[-1]).read()
def log(what):
    with open(os.environ["PIP_LOG"], "a") as file:
        file.write(json.dumps([what, sys.argv[1:], content]) + chr(10))
log("start")
time.sleep(0.05)
log("end")
sys.exit(content.startswith(os.environ["PIP_FAILS"]))
"""


def test_packages_of_another_kind_of_machine_are_left_out():
    both, one = pins(TEXT, "x86_64"), pins(TEXT, "aarch64")
    assert list(both) == NAMES
    assert set(both) - set(one) == {name for name in NAMES if name.startswith(("nvidia-", "cuda-"))}
    assert one["rich"].startswith("rich==") and one["rich"].count(" --hash=sha256:") == 1


def test_large_packages_are_installed_alone_and_are_those_of_the_list():
    assert set(MEGABYTES) <= set(NAMES)
    found = batches(["numpy", *map(str, range(TOGETHER + 1)), "torch"])
    assert list(found) == [["torch"], ["numpy"], [str(n) for n in range(TOGETHER)], [str(TOGETHER)]]


@pytest.fixture
def run(tmp_path):
    """A function: run the tool with a pip that only writes down its calls; (process, [(start or end, call, file)])."""
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip/__init__.py").touch()
    (tmp_path / "pip/__main__.py").write_text(PIP)

    def call(fails="nothing"):
        more = {"PYTHONPATH": str(tmp_path), "PIP_LOG": str(tmp_path / "log"), "PIP_FAILS": fails}
        command = [sys.executable, ROOT / "tools/install_packages.py", "--quiet"]
        done = subprocess.run(command, env=os.environ | more, cwd=tmp_path, capture_output=True, text=True)
        return done, [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]

    return call


def test_each_package_is_installed_once_and_compared_with_its_hash(run):
    done, calls = run()
    assert done.returncode == 0, done.stderr
    (_, arguments, content), second = calls[0], calls[1]
    assert second == ["end", arguments, content]  # nothing else begins before setuptools is there
    assert re.findall(r"^([a-z]+)==", content, re.MULTILINE) == list(FIRST)
    assert "--no-build-isolation" not in arguments
    lines = content.splitlines()
    for what, arguments, content in calls[2:]:
        assert {"install", "--no-deps", "--require-hashes", "--quiet", "--no-build-isolation"} < set(arguments)
        lines += content.splitlines() if what == "start" else []
    assert sorted(line.split("==")[0] for line in lines) == sorted(pins(TEXT, os.uname().machine))
    assert all("--hash=sha256:" in line for line in lines)


def test_two_pips_work_at_a_time(run):
    _, calls = run()
    at_once = [sum({"start": 1, "end": -1}[what] for what, *_ in calls[: at + 1]) for at in range(len(calls))]
    assert max(at_once) == 2


@pytest.mark.parametrize("package", ["torch", "setuptools"])
def test_a_pip_that_fails_ends_the_rest_in_one_line(run, package):
    done, calls = run(fails=f"{package}==")
    named = "torch" if package == "torch" else "setuptools, wheel"
    assert done.returncode == 1
    assert done.stderr == f"error: packages: pip did not install {named}; its lines above say why; run again\n"
    assert 1 <= sum(what == "start" for what, *_ in calls) < 6
