"""Tests of bad input, made from tables of (name, how it is made, the command that meets it, the lines it answers with).

How it is made: a function to call in a copy of the drawn data set, or None. See support/damage.py for the commands.
"""

from pathlib import Path

import pytest
from support.damage import answered


def catalogue(table):
    """A test with a case for each row of a table, whose names differ."""
    assert len({name for name, *_ in table}) == len(table)

    @pytest.mark.parametrize(("damage", "command", "lines"), [pytest.param(d, c, w, id=n) for n, d, c, *w in table])
    def test(raw, capsys, monkeypatch, damage, command, lines):
        monkeypatch.chdir(raw)
        if damage:
            damage()
        wanted = [f"error: {line() if callable(line) else line}" for line in lines]
        assert answered(capsys, monkeypatch, command) == (2, wanted)
        assert not any(Path(made).is_file() for made in ("o.json", "scores.json", "a/setting1/train.json", "evil"))

    return test
