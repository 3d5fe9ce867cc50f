"""The hash of given data follows its content alone."""

import os
import time

import pytest

from nuclei.workflow.data_hash import data_hash, file_state, files_hash


@pytest.fixture
def data(tmp_path):
    """A folder of two files."""
    (tmp_path / "data/sub").mkdir(parents=True)
    (tmp_path / "data/sub/a").write_text("1")
    (tmp_path / "data/b").write_text("2")
    return tmp_path / "data"


@pytest.fixture
def state(data, tmp_path):
    """A function: the hash of the folder now, or of another one."""
    return lambda folder=data: data_hash(folder, tmp_path / "memory")


def test_the_hash_follows_content_alone(tmp_path, data, state):
    first = state()
    assert state() == first
    os.utime(data / "b", (time.time() + 99, time.time() + 99))
    assert state() == first
    moved = data.rename(tmp_path / "moved")
    assert state(moved) == first
    (moved / "b").write_text("3")
    changed = state(moved)
    (moved / "b").rename(moved / "c")
    assert len({first, changed, state(moved)}) == 3
    assert state(moved / "c") != first
    assert state(None) is None


def test_a_file_of_the_same_size_and_time_is_seen(data, state):
    first, before = state(), (data / "b").stat()
    (data / "b").write_text("3")
    os.utime(data / "b", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (data / "b").stat().st_mtime_ns == before.st_mtime_ns
    changed = state()
    assert changed != first
    (data / "new").write_text("2")  # another file put in the place of the first, as by rsync
    os.utime(data / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    (data / "new").rename(data / "b")
    assert state() == first


def test_unchanged_files_are_read_once(data, state, monkeypatch):
    first, read = state(), []
    monkeypatch.setattr("nuclei.workflow.data_hash.sha256", lambda path: read.append(path) or "hash")
    assert (state(), read) == (first, [])
    (data / "b").write_text("3")
    state()
    assert read == [str(data / "b")]


@pytest.mark.parametrize("memory", ["[1]", "{", '{"x": 3}', "null"])
def test_a_damaged_memory_is_written_anew(data, state, tmp_path, memory):
    first = state()
    (store,) = (tmp_path / "memory").iterdir()
    store.write_text(memory.replace("x", str(data / "b")))
    assert state() == first


def test_links_are_followed(tmp_path, data, state):
    plain = state()
    for name in ("sub", "b"):
        (data / name).rename(tmp_path / name)
        (data / name).symlink_to(tmp_path / name)
    assert state() == plain
    (tmp_path / "sub/a").write_text("9")
    assert state() != plain


def test_a_link_in_a_circle_ends(data, state):
    (data / "sub/up").symlink_to(data)
    assert len(state()) == 64


@pytest.mark.parametrize("name", [".DS_Store", ".#lock", ".ipynb_checkpoints/a.png", ".nfs0001"])
def test_hidden_files_count_for_nothing(data, state, name):
    first = state()
    (data / "sub" / name).parent.mkdir(exist_ok=True)
    (data / "sub" / name).symlink_to("nowhere")
    assert state() == first


def test_what_cannot_be_read_counts_and_ends_nothing(data, state):
    hashes = [state()]
    (data / "link").symlink_to("nowhere")
    hashes.append(state())
    os.mkfifo(data / "pipe")  # reading it would wait for ever
    hashes.append(state())
    (data / "zero").symlink_to("/dev/zero")  # reading it would never end
    hashes.append(state())
    (data / "memory").symlink_to("/proc/self/mem")
    hashes.append(state())
    (data / os.fsdecode(b"\xff.png")).write_text("x")
    hashes.append(state())
    assert state() == hashes[-1]
    assert len(set(hashes)) == len(hashes)


def test_the_state_of_a_file_says_more_than_its_time(tmp_path):
    path = tmp_path / "a"
    path.write_text("1")
    first, before = file_state(path), path.stat()
    time.sleep(0.02)
    path.write_text("2")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file_state(path)[:2] == first[:2]
    assert file_state(path) != first


def test_names_count_and_places_do_not(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text("same")
    one, other = ({"x": tmp_path / name} for name in ("a", "b"))
    assert files_hash(one, tmp_path / "m.json") == files_hash(other, tmp_path / "m.json")
    assert files_hash({"y": tmp_path / "a"}, tmp_path / "m.json") != files_hash(one, tmp_path / "m.json")
