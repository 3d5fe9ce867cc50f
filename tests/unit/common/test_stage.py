"""Errors of all stages: a line a problem, and nothing hidden."""

import errno

import pytest

from nuclei.common.stage import InputError, run_stage


def test_bad_input_is_a_line_a_problem(capsys):
    def main():
        raise InputError("one: x", "two: y")

    with pytest.raises(SystemExit) as caught:
        run_stage(main)
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: one: x\nerror: two: y\n"


def test_other_errors_are_not_hidden():
    def main():
        raise OSError(errno.EIO, "broken")

    with pytest.raises(OSError, match="broken"):
        run_stage(main)
