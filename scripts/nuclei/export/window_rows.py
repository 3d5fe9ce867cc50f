"""The nuclei of one image, window row by window row. A finished row is a file, so that a stopped image goes on.

The rows lie in a work folder of the image, named by a hash of all that they depend on: the image, the model, how it
looks. Coordinates are px of the image or slide level, x right, y down, with pixel edges at integers.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from nuclei.coco.rle import encode
from nuclei.common.files import read_json, write_json
from nuclei.data.image_files import ImageFile
from nuclei.data.tissue import Tissue
from nuclei.export.measurements import MeasuredNucleus, measure
from nuclei.prediction.joining import join_rows
from nuclei.prediction.many_looks import ManyLooks
from nuclei.prediction.sliding_window import Span, windows


@dataclass
class WindowRows:
    """An image, cut into rows of windows.

    viewer: looks at each window. tissue: windows without any are skipped; None: none is. folder: where finished rows
    are kept. classes: how many the model has.
    """

    image: ImageFile
    viewer: ManyLooks
    folder: Path
    tissue: Tissue | None = None
    classes: int = 1

    def __post_init__(self) -> None:
        sides = (self.image.height, self.image.width)
        self.rows, self.columns = (windows(side, self.viewer.window, self.viewer.overlap) for side in sides)

    def file(self, at: int) -> Path:
        """Where the nuclei of a row are kept."""
        return self.folder / f"row_{at:05d}.json"

    def finished(self) -> int:
        """How many rows an earlier process finished."""
        return sum(self.file(at).is_file() for at in range(len(self.rows)))

    def columns_of(self, row: Span) -> list[Span]:
        """The columns of a row's windows that are looked at: those with tissue."""
        if not self.tissue:
            return self.columns
        return [column for column in self.columns if self.tissue.within(column[0], row[0], column[1], row[1])]

    def problem(self) -> str | None:
        """What is to be said of an image none of whose windows holds tissue, so that nothing was looked at; or None."""
        if not self.tissue or any(self.columns_of(row) for row in self.rows):
            return None
        count = len(self.rows) * len(self.columns)
        return (
            f"{self.image.path}: none of its {count} windows holds tissue, so that nothing was looked at; set "
            "export.tissue (--tissue) to 0 if there are nuclei in it"
        )

    def remaining(self) -> int:
        """How often the detector still has to run."""
        windows = sum(len(self.columns_of(row)) for at, row in enumerate(self.rows) if not self.file(at).is_file())
        return windows * len(self.viewer.scales) * len(self.viewer.views)

    def look(self, row: Span) -> list[MeasuredNucleus]:
        """The nuclei that the windows of a row report, measured, in the coordinates of the image."""
        found = []
        for column in self.columns_of(row):
            part = self.image.read(column[0], row[0], column[1], row[1])
            reported = self.viewer.reported(self.viewer.look(part), row, column, self.image.height, self.image.width)
            found += [measure(nucleus, part, column[0], row[0]) for nucleus in reported]
        return found

    def predict(self) -> int:
        """Look at all rows that are not finished, and keep each. Returns the number of nuclei that windows report."""
        count = 0
        for at, row in enumerate(self.rows):
            if not self.file(at).is_file():
                write_json(self.file(at), [as_json(nucleus) for nucleus in self.look(row)], indent=None)
            count += len(read_json(self.file(at)))
        return count

    def batches(self, threshold: float = 0.0) -> Iterator[list[MeasuredNucleus]]:
        """The nuclei of the whole image with a score of at least `threshold`, each once, in batches from the top."""
        following = [*(row[0] for row in self.rows[1:]), math.inf]
        kept = (([from_json(value) for value in read_json(self.file(at))], edge) for at, edge in enumerate(following))
        # the nuclei of a single window are as the model gives them, as in nuclei.prediction.many_looks; of several
        # classes the surest one stays, because a nucleus has one class
        joins = len(self.rows) * len(self.columns) > 1 or self.classes > 1
        joined = join_rows(kept) if joins else (nuclei for nuclei, _ in kept)
        return ([nucleus for nucleus in nuclei if nucleus.score >= threshold] for nuclei in joined)


def as_json(nucleus: MeasuredNucleus) -> list[object]:
    """A nucleus as a JSON value."""
    box = [float(value) for value in nucleus.box]
    code = encode(nucleus.mask)
    return [
        float(nucleus.score),
        box,
        int(nucleus.x),
        int(nucleus.y),
        code["size"],
        code["counts"],
        nucleus.category,
        nucleus.row,
    ]


def from_json(value: list[Any]) -> MeasuredNucleus:
    """The nucleus of such a value."""
    score, box, x, y, size, counts, category, row = value
    mask = coco_mask.decode({"size": size, "counts": counts}) > 0
    return MeasuredNucleus(score, np.array(box), mask, x, y, category, row)
