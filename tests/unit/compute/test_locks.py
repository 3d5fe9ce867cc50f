"""Locks: held by real concurrent processes, of which one is killed."""

import contextlib
import errno
import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT

from nuclei.common.stage import InputError
from nuclei.compute.locks import hold, hold_first_free, own_folder, try_hold

HOLD = """
import os, sys, time
from nuclei.compute.locks import hold_first_free
folder, shared, seconds, fork, *names = sys.argv[1:]
def waiting():
    return f"none of {len(names)} is free"
name, handle = hold_first_free(names, folder, waiting, "job", pause=0.02, say_every=0.1)
mark = os.open(f"{shared}/{name}", os.O_CREAT | os.O_EXCL)  # fails while another process holds the name
print(name, flush=True)
if int(fork) and os.fork() == 0:  # a loader's worker that outlives its parent
    time.sleep(20)
time.sleep(float(seconds))
os.unlink(f"{shared}/{name}")
"""


@pytest.fixture
def job(tmp_path):
    """Start a process that holds the first free one of `names` for some seconds and marks that it does."""
    (tmp_path / "shared").mkdir()
    started = []

    def start(names, seconds=0.1, fork=0):
        command = [sys.executable, "-c", HOLD, tmp_path / "locks", tmp_path / "shared", str(seconds), str(fork), *names]
        process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_no_two_processes_hold_one_name(job):
    jobs = [job(["a", "b"]) for _ in range(8)]
    done = [process.communicate(timeout=60) for process in jobs]
    assert [process.returncode for process in jobs] == [0] * 8, done
    assert {out.strip() for out, _ in done} == {"a", "b"}
    assert any("job: none of 2 is free" in errors for _, errors in done)


@pytest.mark.parametrize("fork", [0, 1])
def test_a_killed_process_frees_its_name(job, tmp_path, fork):
    holder = job(["a"], seconds=60, fork=fork)
    assert holder.stdout.readline() == "a\n"
    (tmp_path / "shared/a").unlink()
    waiting = job(["a"])
    assert waiting.stderr.readline() == "job: none of 1 is free\n"
    assert waiting.stderr.readline() == "job: none of 1 is free, 0 min so far\n"
    assert waiting.poll() is None
    holder.kill()
    assert waiting.wait(timeout=10) == 0


def test_sigterm_ends_the_wait(job):
    holder = job(["a"], seconds=60)
    assert holder.stdout.readline() == "a\n"
    waiting = job(["a"])
    waiting.stderr.readline()
    waiting.terminate()
    assert waiting.wait(timeout=10) == -signal.SIGTERM


def test_a_stop_request_ends_the_wait_and_a_name_is_free_again_when_closed(tmp_path, monkeypatch):
    def stop():
        raise InterruptedError("asked to stop")

    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("went on waiting"))
    name, handle = hold_first_free(["a", "b"], tmp_path, str)
    other, _kept = hold_first_free(["a", "b"], tmp_path, str)
    assert (name, other) == ("a", "b")
    with pytest.raises(InterruptedError):
        hold_first_free(["a"], tmp_path, str, between=stop)
    handle.close()
    assert hold_first_free(["a"], tmp_path, str, between=stop)[0] == "a"


def test_who_holds_a_lock_can_be_read_while_others_try(tmp_path):
    path = tmp_path / "lock"
    path.write_text("a text that is longer than the next one")
    with try_hold(path, "process 1"):
        assert path.read_text() == "process 1"
        assert try_hold(path, "process 2") is None
        assert path.read_text() == "process 1"
    with hold(path):
        assert path.read_text() == "process 1"


def test_a_file_system_without_locks_is_one_line(tmp_path, monkeypatch):
    def flock(file, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(InputError, match="lock: cannot be locked .*, wanted a file system with file locks; "):
        try_hold(tmp_path / "lock")


def test_a_folder_of_ones_own_is_made_and_found_again(tmp_path):
    before = os.umask(0)
    try:
        assert own_folder(tmp_path / "own") == own_folder(tmp_path / "own") == tmp_path / "own"
    finally:
        os.umask(before)
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["link", "file", "open", "other's"])
def test_a_folder_that_others_could_have_made_is_refused(tmp_path, monkeypatch, kind):
    path, user = tmp_path / "own", os.getuid()
    (tmp_path / "real").mkdir(mode=0o700)
    if kind == "link":
        path.symlink_to(tmp_path / "real")
    elif kind == "file":
        path.touch(0o600)
    else:
        path.mkdir()
        path.chmod(0o777 if kind == "open" else 0o700)
    if kind == "other's":
        monkeypatch.setattr(os, "getuid", lambda: user + 1)
    with pytest.raises(InputError, match="own: a link, a file, or open to other users .*, wanted a folder of user"):
        own_folder(path)
    assert list((tmp_path / "real").iterdir()) == []
