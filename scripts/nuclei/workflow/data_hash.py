"""Hash of the content of a given file or folder, remembered so that unchanged files are not read again."""

import hashlib
import json
import os
from pathlib import Path

from nuclei.common.files import sha256, write_json


def data_hash(path, memory):
    """SHA-256 over the names and contents of all files below `path` (or of one file); None for no path.

    memory: folder where the hashes are kept by size and modification time in ns. Moving or touching files leaves the
    result as it was; editing, adding, removing or renaming one changes it.
    """
    if not path:
        return None
    path = Path(path)
    store = Path(memory) / f"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.json"
    try:
        known = json.loads(store.read_text())
    except (OSError, ValueError):
        known = {}
    names = [""]
    if path.is_dir():
        names = sorted(
            os.path.join(folder, name).removeprefix(f"{path}/") for folder, _, files in os.walk(path) for name in files
        )
    seen, digest = {}, hashlib.sha256()
    for name in names:
        file = os.path.join(path, name) if name else path  # pathlib would take as long as all the rest
        stat = os.stat(file)
        state = [stat.st_size, stat.st_mtime_ns]
        before = known.get(name)
        content = before[1] if before and before[0] == state else sha256(file)
        seen[name] = [state, content]
        digest.update(f"{name}\0{content}\n".encode())
    if seen != known:
        write_json(store, seen, indent=None)
    return digest.hexdigest()
