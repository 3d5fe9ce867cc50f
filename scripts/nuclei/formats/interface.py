"""What a reader of a format is, and what it finds.

A reader is a file of this folder, named as its format, with `fits` and `read` (see Reader). Adding such a file is all
that a new format takes: nuclei/formats/registry.py finds it. A reader says what stands in the files, nucleus by
nucleus, and leaves everything else (which images test, how files are written) to nuclei/formats/importing.py.

Coordinates are px, x right, y down, with pixel edges at integers: pixel (0, 0) covers [0, 1] x [0, 1].
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

NUCLEUS = "nucleus"  # the category of a nucleus to which its file gives none


class Note(NamedTuple):
    """Something about one nucleus that a person should know."""

    nucleus: str  # its name
    kind: str  # one of the texts of nuclei/data/left_out.py
    detail: str = ""


@dataclass(frozen=True)
class Nucleus:
    """One nucleus: its mask inside its bounding box."""

    name: str
    part: NDArray[np.bool_]  # height x width of the box
    left: int  # corner of the box, px
    top: int
    category: str = NUCLEUS


Nuclei = tuple[list[Nucleus], list[Note]]


@dataclass
class FoundImage:
    """One image of a data set.

    nuclei: called with (width, height) of the image, px, it returns its nuclei and what is to be said about them, or
    raises InputError; it must pickle, as functools.partial of a function does. None where the data set does not say
    which nuclei the image has (an image without any nucleus gets an empty list).
    """

    id: str  # name of its file without ending, or another name that no second image has
    file: Path
    nuclei: Callable[[int, int], Nuclei] | None
    pixel_size: float | None = None  # µm, where another file than the image gives it


class Reader(Protocol):
    """A module that reads a format."""

    def fits(self, names: Collection[PurePosixPath]) -> bool:
        """Whether the files of a folder, named from there on, look like this format; their content is not read."""

    def read(self, folder: Path) -> list[FoundImage]:
        """The images of a folder in this format. InputError where the folder as a whole is wrong."""
