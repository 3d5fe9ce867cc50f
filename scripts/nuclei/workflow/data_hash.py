"""A hash of the content of given data, remembered so that unchanged files are not read again.

What runs again when data changes? Snakemake itself compares the content of files that rules make, so a new time alone
runs nothing. Data that people give (raw data, split file, published.tsv) may be a folder, of which Snakemake looks at
the time alone, so the hash of its content is among the params of the rules that read it first (`raw_state`,
`file_state` in rules/common.smk). Editing, adding, removing or renaming one of its files therefore runs these rules and
every job after them, while touching or copying it runs nothing. A training starts over only where the images or the
annotations that it reads have changed; otherwise it finds its epochs in work/, and ends at once if it has finished.
docs/rerun.md lists what each kind of change runs again, and code_hash.py answers the question for code.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from nuclei.common.files import sha256, write_json


def data_hash(path: Path | str | None, memory: Path | str) -> str | None:
    """SHA-256, in hexadecimal digits, over the names and contents of all files below `path`; None for no path.

    path: a folder, or one file. memory: folder that keeps the hash of each file with its size and modification time
    (ns); a file of the same size and time is not read again. Moving or touching files leaves the result as it was.
    Editing, adding, removing or renaming one changes it. Raises OSError where `path` is missing.
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
    seen: dict[str, list[Any]] = {}  # {name: [[size, modification time], hash]}
    digest = hashlib.sha256()
    for name in names:
        file = os.path.join(path, name) if name else path  # for thousands of files, pathlib would double the time
        stat = os.stat(file)
        state = [stat.st_size, stat.st_mtime_ns]
        before = known.get(name)
        content = before[1] if before and before[0] == state else sha256(file)
        seen[name] = [state, content]
        digest.update(f"{name}\0{content}\n".encode())
    if seen != known:
        write_json(store, seen, indent=None)
    return digest.hexdigest()
