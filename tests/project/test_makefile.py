"""The Makefile leaves alone what belongs to another clone."""

import os
import shutil
import subprocess

import pytest
from conftest import ROOT


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("target", ["setup", "mmcv-cuda", ".venv/tools"])
def test_a_linked_environment_is_not_changed(tmp_path, ready, target):
    other, clone = tmp_path / "other", tmp_path / "clone"
    for folder in (other, clone / "tools", clone / "tests"):
        folder.mkdir(parents=True)
    (other / ".ready").touch()
    for name in ("Makefile", "requirements.txt", "tests/requirements.txt"):
        shutil.copy(ROOT / name, clone / name)
    for path in (ROOT / "tools").glob("*"):
        if path.is_file():
            shutil.copy(path, clone / "tools")
    later = (clone / "Makefile").stat().st_mtime + (1000 if ready else -1000)
    os.utime(other / ".ready", (later, later))
    (clone / ".venv").symlink_to(other)
    for name in ("python3", "python", "pip"):  # nothing is set up, whatever make does
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(shutil.which("false"))
    command = ["make", target, f"PYTHON={tmp_path}/bin/python3"]
    # `make test` runs this test too: the make below is not to know of that one
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    environment["PATH"] = f"{tmp_path}/bin:{environment['PATH']}"
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True)
    assert [path.name for path in other.iterdir()] == [".ready"]
    assert (other / ".ready").stat().st_mtime == later
    if ready and target == "setup":  # nothing to do
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode == 2
        (line,) = [line for line in done.stderr.splitlines() if not line.startswith("make: ")]
        assert line.startswith(f"error: .venv: a link to {other} found, wanted a folder of this clone; remove the link")


def test_a_python_that_is_not_there_gets_one_line(tmp_path):
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "setup", "PYTHON=python3.99"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("make: ")]
    assert line.startswith("error: python3.99 not found on PATH, wanted Python 3.11, 3.12 or 3.13; name another one")
    assert done.returncode == 2 and not (tmp_path / ".venv").exists()
