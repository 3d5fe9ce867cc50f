"""The hash of given data follows its content alone."""

import os
import time

from nuclei.workflow.data_hash import data_hash


def test_the_hash_follows_content_alone(tmp_path):
    data, memory = tmp_path / "data", tmp_path / "memory"
    (data / "sub").mkdir(parents=True)
    (data / "sub/a").write_text("1")
    (data / "b").write_text("2")
    first = data_hash(data, memory)
    assert data_hash(data, memory) == first
    os.utime(data / "b", (time.time() + 99, time.time() + 99))
    assert data_hash(data, memory) == first
    data.rename(tmp_path / "moved")
    assert data_hash(tmp_path / "moved", memory) == first
    (tmp_path / "moved/b").write_text("3")
    changed = data_hash(tmp_path / "moved", memory)
    (tmp_path / "moved/b").rename(tmp_path / "moved/c")
    assert len({first, changed, data_hash(tmp_path / "moved", memory)}) == 3
    assert data_hash(tmp_path / "moved/c", memory) != first
    assert data_hash(None, memory) is None
