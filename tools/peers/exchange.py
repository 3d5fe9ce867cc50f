"""What train_<peer>.py and tools/bench_peers.py agree on.

It needs NumPy alone, as each peer has an environment of its own. A folder of data has train/, validation/ and test/
with <id>.npz: `image`, uint8 RGB, height x width x 3, and, in the first two, `labels`, int32, height x width, 0 for
background and 1, 2, ... for each nucleus. A peer writes validation/<id>.npz and test/<id>.npz: `labels` as above, of
what it found, and `scores`, float64, of label 1, 2, ... in turn. Last it writes training.json: what it did, how long.
"""

import argparse
import importlib.metadata
import json
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

PREDICTED = ("validation", "test")


class Clock:
    """Wall and CPU time of a training that may take so many minutes."""

    def __init__(self, minutes: float) -> None:
        self.limit = 60 * minutes
        self.wall, self.cpu = time.monotonic(), time.process_time()

    def left(self) -> float:
        """Seconds of wall time until the training must end; negative after that."""
        return self.limit - (time.monotonic() - self.wall)

    def read(self) -> dict[str, float]:
        """{seconds, cpu_seconds} since the start, with one digit; CPU time is that of all threads."""
        wall, cpu = time.monotonic() - self.wall, time.process_time() - self.cpu
        return {"seconds": round(wall, 1), "cpu_seconds": round(cpu, 1)}


def arguments(about: str | None) -> argparse.Namespace:
    """The command line of a peer's script; `about` is its docstring."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train/, validation/ and test/")
    parser.add_argument("--out", type=Path, required=True, help="folder for training.json, validation/ and test/")
    parser.add_argument("--minutes", type=float, required=True, help="wall time of the training")
    parser.add_argument("--cores", type=int, required=True, help="number of threads")
    parser.add_argument("--seed", type=int, required=True)
    return parser.parse_args()


def read(folder: Path, part: str) -> tuple[list[Any], list[Any]]:
    """(images, label maps) of train or validation, in the order of the ids."""
    files = [np.load(path) for path in sorted((folder / part).glob("*.npz"))]
    return [file["image"] for file in files], [file["labels"] for file in files]


def to_predict(folder: Path) -> Iterator[tuple[Path, Any]]:
    """(path below an out folder, image) of all images that a peer predicts."""
    for part in PREDICTED:
        for path in sorted((folder / part).glob("*.npz")):
            yield Path(part) / path.name, np.load(path)["image"]


def write(path: Path, labels: Any, scores: Any) -> None:
    """Write what was found in an image; see the top."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, labels=np.asarray(labels, np.int32), scores=np.asarray(scores, np.float64))


def finish(out: Path, record: dict[str, Any]) -> None:
    """Write training.json, the last file: where it is, the peer has done all. It gets the versions of all packages."""
    found = importlib.metadata.distributions()
    versions = {
        "python": platform.python_version(),
        **{each.metadata["Name"].lower().replace("_", "-"): each.version for each in found},
    }
    record = {**record, "versions": versions}
    (out / "training.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def mean_inside(values: Any, labels: Any) -> Any:
    """The mean of `values`, height x width, over the pixels of label 1, 2, ...; 0 for a label without pixels."""
    areas = np.bincount(labels.ravel())[1:]
    sums = np.bincount(labels.ravel(), weights=values.ravel())[1:]
    return sums / np.maximum(areas, 1)
