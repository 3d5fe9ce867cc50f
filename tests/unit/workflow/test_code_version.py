"""The version of the code is what git says, and nothing without git."""

import subprocess

import pytest

from nuclei.workflow.code_version import code_version


def test_a_commit_is_named(tmp_path):
    for command in (
        ["init", "--quiet"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--allow-empty", "--message", "one"],
    ):
        subprocess.run(["git", "-C", tmp_path, *command], check=True)
    found = subprocess.run(["git", "-C", tmp_path, "rev-parse", "HEAD"], capture_output=True, text=True).stdout
    assert code_version(tmp_path) == found[:12]


def test_outside_of_git_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert code_version(tmp_path) is None


@pytest.mark.parametrize("mode", [None, 0o644, 0o755])
def test_without_a_git_that_runs_there_is_none(tmp_path, monkeypatch, mode):
    if mode:
        (tmp_path / "git").write_text("not a program")
        (tmp_path / "git").chmod(mode)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_version() is None
