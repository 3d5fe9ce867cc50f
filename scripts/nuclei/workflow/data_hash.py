"""Hashes of the content of given files, remembered so that unchanged files are not read again.

Each rule that reads given data has such a hash among its params, so that it runs again when the content changes, at
whatever point an earlier run was stopped. The place of the files and their times count for nothing. docs/rerun.md has
the whole table of what runs again.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from nuclei.common.files import sha256, write_json

SHA256 = re.compile("[0-9a-f]{64}")


def file_state(path: str | os.PathLike[str]) -> list[int]:
    """What changes with the content of a file: size, times of content and of state in ns, number on its disk.

    A program can set the time of the content, but not the time of the state (ctime).
    """
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"{path} is no regular file")  # reading a pipe would wait for ever
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def files_hash(files: Mapping[str, str | os.PathLike[str]], store: str | Path) -> str:
    """SHA-256 over the names and contents of files.

    files: {name: path}; the name counts, the path does not. A file that cannot be read counts as unreadable: the check
    of the raw data says so in its own words. store: JSON file in which the hash of each file is remembered by its
    file_state.
    """
    try:
        known = json.loads(Path(store).read_text())
    except (OSError, ValueError, RecursionError):
        known = {}
    known = known if isinstance(known, dict) else {}
    seen, digest = {}, hashlib.sha256()
    for name in sorted(files):
        path = os.fspath(files[name])
        try:
            state, before = file_state(path), known.get(path)
            match before:
                case [remembered, str(content)] if remembered == state and SHA256.fullmatch(content):
                    pass
                case _:
                    content = sha256(path)
            seen[path] = [state, content]
        except OSError:
            content = "unreadable"
        digest.update(f"{name}\0{content}\n".encode(errors="surrogateescape"))
    if seen != known:
        write_json(store, seen, indent=None)
    return digest.hexdigest()


def store_of(path: str | os.PathLike[str], memory: str | os.PathLike[str]) -> Path:
    """File below the folder `memory` in which the hashes of a given file or folder are remembered."""
    return Path(memory) / f"{hashlib.sha256(os.fsencode(Path(path))).hexdigest()[:16]}.json"


def data_hash(path: str | os.PathLike[str] | None, memory: str | os.PathLike[str]) -> str | None:
    """SHA-256 over the content of a file, or over the names and contents of all files in a folder; None for no path.

    Links are followed; hidden files and folders, which editors and file managers leave, do not count.
    """
    if not path:
        return None
    files, visited = {}, set()
    if os.path.isdir(path):
        for folder, folders, names in os.walk(path, followlinks=True):
            visited.add(os.path.realpath(folder))
            folders[:] = [
                name
                for name in folders
                if not name.startswith(".") and os.path.realpath(os.path.join(folder, name)) not in visited
            ]
            for name in names:
                if not name.startswith("."):
                    file = os.path.join(folder, name)
                    files[os.path.relpath(file, path)] = file
    else:
        files[""] = os.fspath(path)
    return files_hash(files, store_of(path, memory))
