"""Every command line of scripts and tools explains itself, and does nothing else when it is asked to."""

import runpy
import sys

import pytest
from conftest import ROOT

FILES = sorted((*ROOT.glob("scripts/*.py"), *ROOT.glob("tools/*.py")))
COMMANDS = [path for path in FILES if '__name__ == "__main__"' in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_help_is_printed_and_nothing_is_done(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(path), run_name="__main__")
    said = capsys.readouterr()
    assert ended.value.code == 0, said.err
    assert said.out.startswith(f"usage: {path.name} ")
    text = " ".join(said.out.split())
    assert " ".join(runpy.run_path(str(path))["__doc__"].split())[:60] in text
    assert list(tmp_path.iterdir()) == []


def test_all_command_lines_are_asked():
    others = {path.name for path in FILES} - {path.name for path in COMMANDS}
    assert others == {
        "library.py", "config_differences.py", "cuda_files.py", "gpu_cards.py", "gpu_machine.py", "gpu_tables.py",
        "setup_progress.py",
    }  # fmt: skip
