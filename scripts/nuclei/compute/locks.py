"""File locks against every other process that can see the lock files.

These are the processes of this machine, and those of other machines where the files are on a shared file system that
supports flock (docs/clusters.md).
"""

import contextlib
import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from nuclei.common.stage import InputError


class Held:
    """A lock that this process holds until close(), until the end of a `with` block, or until the process ends.

    It ends with the process however that ends, and a child process does not inherit it: a data loader's worker may
    outlive a killed training.
    """

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock

    def close(self) -> None:
        """Free the lock; its file stays."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def try_hold(path: Path | str, holder: str = "") -> Held | None:
    """Hold the lock file `path`, which is made if it is missing; None where another process holds it.

    holder: what the file is to say of who holds it; with "" it keeps what it says. Raises OSError where the file cannot
    be opened for writing, InputError where the file system has no locks.
    """
    return _held(path, holder, wait=False)


def hold(path: Path | str) -> Held:
    """Hold the lock file `path`, as try_hold; wait while another process holds it."""
    held = _held(path, "", wait=True)
    assert held  # it waits for ever
    return held


def _held(path: Path | str, holder: str, wait: bool) -> Held | None:
    def say(descriptor: int) -> None:
        if holder:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, holder.encode(), 0)

    # Opened for reading and writing, because NFS makes a lock for writing of flock. Without locks on the file system,
    # filelock would take a file that is there for a lock, which outlives a process that is killed.
    lock = FileLock(path, thread_local=False, fallback_to_soft=False, on_acquired=say)
    try:
        lock.acquire(blocking=wait)
    except Timeout:
        return None
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP):
            raise
        raise InputError(
            f"{path}: cannot be locked ({os.strerror(error.errno)}), wanted a file system with file locks; use another "
            "disk, or mount this one with locks (Lustre: -o flock)"
        ) from None
    return Held(lock)


def hold_first_free(
    names: Sequence[str],
    folder: Path | str,
    waiting: Callable[[], str],
    label: str = "",
    between: Callable[[], object] = lambda: None,
    pause: float = 1.0,
    say_every: float = 300.0,
    holder: str = "",
) -> tuple[str, Held]:
    """Lock the first free of `names` against every other process; wait while none is free.

    folder: where the lock files lie, one for each name; it is made if it is missing. waiting(): what to say on stderr
    while none is free. label: start of that line. between(): called after each look that finds none free; it may raise
    to stop the wait. pause: s between two looks. say_every: s between two lines. holder: as in try_hold.
    Returns (name, its lock).
    """
    return hold_each([names], folder, waiting, label, between, pause, say_every, holder)[0]


def hold_each(
    choices: Sequence[Sequence[str]],
    folder: Path | str,
    waiting: Callable[[], str],
    label: str = "",
    between: Callable[[], object] = lambda: None,
    pause: float = 1.0,
    say_every: float = 300.0,
    holder: str = "",
) -> list[tuple[str, Held]]:
    """hold_first_free, of each of several lists of names: one of each list, no name twice; nothing until all are free.

    So two processes that want several names each never wait for one another with some of them held. Lists that share
    names are equal.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    start: float | None = None
    said: float | None = None
    while True:
        held = _hold_free(choices, Path(folder), holder)
        if held:
            return held
        now = time.monotonic()
        if said is None or now - said >= say_every:
            since = f", {(now - start) / 60:.0f} min so far" if start else ""
            print(f"{label}: {waiting()}{since}", file=sys.stderr, flush=True)
            start, said = start or now, now
        between()
        time.sleep(pause)


def _hold_free(choices: Sequence[Sequence[str]], folder: Path, holder: str) -> list[tuple[str, Held]]:
    held: dict[str, Held] = {}
    for names in choices:
        for name in names:
            lock = None if name in held else try_hold(folder / name, holder)
            if lock:
                held[name] = lock
                break
        else:
            for lock in held.values():
                lock.close()
            return []
    return list(held.items())


def own_folder(path: Path) -> Path:
    """The folder `path`, made if it is missing, for this user alone, also where others may write beside it, as in /tmp.

    InputError where it is a link or no folder, or where it belongs to another user or others may write into it.
    """
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise InputError(
            f"{path}: a link, a file, or open to other users (mode {found.st_mode & 0o777:03o}, user {found.st_uid}), "
            f"wanted a folder of user {os.getuid()} alone; remove it, or ask that user to"
        )
    return path
