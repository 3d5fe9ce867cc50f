"""What was measured on a GPU: one JSON document a line, printed and kept as soon as it is known.

A check that is cut off loses nothing that it has measured; tools/write_gpu_page.py makes docs/gpu.md of the file.
"""

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

FILE = "NUCLEI_GPU_RECORDS"  # environment variable: the file to append to


def file_of_records() -> Path:
    """The file that measurements are appended to."""
    return Path(os.environ.get(FILE, "work/gpu/records.jsonl"))


def recorded() -> list[dict[str, Any]]:
    """All measurements in the file so far; lines that a kill has cut off are left out."""
    found, file = [], file_of_records()
    for line in file.read_text().splitlines() if file.is_file() else ():
        with contextlib.suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return found


def record(kind: str, **values: Any) -> None:
    """Print a measurement and append it to $NUCLEI_GPU_RECORDS (default: work/gpu/records.jsonl).

    kind: what was measured, such as "step" or "operator". values: whatever JSON can hold, with units in their names
    (seconds, images_per_second, peak_memory_gb).
    """
    line = json.dumps({"kind": kind, "date": time.strftime("%Y-%m-%d", time.gmtime()), **values})
    print(line, flush=True)
    file = file_of_records()
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as out:
        out.write(line + "\n")
        out.flush()
        os.fsync(out.fileno())
