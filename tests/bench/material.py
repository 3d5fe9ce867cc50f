"""The data that the bench runs on: the real ones of ../shared/data, or drawn ones where these are missing."""

import os
from dataclasses import dataclass
from pathlib import Path

from conftest import SHARED

from nuclei.data.drawing import draw
from nuclei.data.raw_sources import fetch

ARCHIVES = {"dataset": "vrdl-raw.tar.xz", "test_masks": "vrdl-test-masks.tar.xz"}
DRAWN = {"train": 8, "test": 4, "size": 512, "seed": 7}


@dataclass
class Material:
    """Where the data are: folders of the raw data set and of the test masks, answer_*.zip, a scratch folder."""

    dataset: Path
    test_masks: Path
    submissions: list[Path]
    scratch: Path
    real: bool

    @property
    def processes(self):
        """Processes of a stage that takes several: 2 where there are 2 cores."""
        return min(2, len(os.sched_getaffinity(0)))

    def __str__(self):
        what = "real data of ../shared/data" if self.real else "data drawn by the project: ../shared/data is missing"
        return f"{what}; {self.processes} of {os.cpu_count()} cores"


def gather(scratch, archives=SHARED, drawn=DRAWN):
    """Material below `scratch`: unpacked from the folder `archives`, or drawn with these arguments of draw()."""
    scratch = Path(scratch)
    found = {part: archives / name for part, name in ARCHIVES.items()}
    real = all(path.is_file() for path in found.values())
    for part, path in found.items() if real else ():
        fetch(str(path), part, scratch / part)
    if not real:
        draw(scratch, **drawn)
    submissions = sorted((archives / "submissions").glob("answer_*.zip")) if real else []
    return Material(scratch / "dataset", scratch / "test_masks", submissions, scratch, real)
