"""What every form of output shares: nuclei come in batches, and the file appears when it is complete.

So memory does not grow with the number of nuclei. The nuclei are numbered from 1 in the order in which they come; the
number is the same in every form: the pixel value in label images, `number` in tables, `Number` in QuPath.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from nuclei.common.classes import CLASSES
from nuclei.common.files import whole_file
from nuclei.data.image_files import ImageFile
from nuclei.export.measurements import MeasuredNucleus


class Writer(ABC):
    """Writes the nuclei of one image in one form. Use as a context: without an error, the file is there at its end.

    path: of the file (a folder for OME-Zarr). image: that the nuclei were found in. most: no more nuclei will come.
    classes: their names, in the order of the category ids.
    """

    suffix = ""  # of the file, after the image's name

    def __init__(self, path: Path, image: ImageFile, most: int, classes: Sequence[str] = CLASSES) -> None:
        self.path, self.image, self.most, self.count, self.classes = path, image, most, 0, classes
        self.stack = contextlib.ExitStack()

    def __enter__(self) -> "Writer":
        with self.stack:
            self.begin()
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with self.stack:
            if error is None:
                self.finish()
            else:  # so that the contexts of begin() leave nothing behind
                raise error

    def write(self, nuclei: Sequence[MeasuredNucleus]) -> None:
        """Write some more nuclei."""
        self.add(nuclei, self.count + 1)
        self.count += len(nuclei)

    def begin(self) -> None:  # noqa: B027 - most writers have nothing to do here, or in finish()
        """Open what add() writes to, by self.stack."""

    @abstractmethod
    def add(self, nuclei: Sequence[MeasuredNucleus], first: int) -> None:
        """Write nuclei, of which the first has the number `first`."""

    def finish(self) -> None:  # noqa: B027
        """Write what comes after the last nucleus."""


class TextWriter(Writer):
    """A writer of one text file, self.file."""

    file: TextIO

    def begin(self) -> None:
        self.file = self.stack.enter_context(
            self.stack.enter_context(whole_file(self.path)).open("w", encoding="utf-8")
        )
