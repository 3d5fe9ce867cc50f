"""Files appear whole or not at all; JSON that cannot be read is named."""

import json
import os

import pytest

from nuclei.common.files import read_json, whole_file, write_json
from nuclei.common.stage import InputError


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    assert (tmp_path / "a.json").read_text() == '{\n "a": "é",\n "b": 1\n}\n'
    with pytest.raises(RuntimeError), whole_file(tmp_path / "a.json") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": "é", "b": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664), (0o027, 0o640)])
def test_the_umask_says_who_may_read_a_file(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        for _ in range(2):  # a new file, and one that takes the place of another
            write_json(tmp_path / "a.json", 1)
            assert (tmp_path / "a.json").stat().st_mode & 0o777 == mode
    finally:
        os.umask(before)


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000])
def test_bad_json_is_named(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match="a.json: not JSON"):
        read_json(tmp_path / "a.json")
