"""Leaks: test images that a training may have seen, under their own name or as a copy.

Images are compared by four marks, from the surest on: the pixels are the same; the files are the same; both show the
same tissue (nuclei.data.same_tissue), as a crop or a turned, mirrored or rescaled copy does; the names are the same. Of
images that are known by name and hash alone, such as those that a bundle's model was trained on, only names and files
can be compared.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

import cv2
import numpy as np
from numpy.typing import NDArray

from nuclei.data.masks import open_image
from nuclei.data.same_tissue import AGREEING, POINTS, Points, agreeing, describe, mirrored

How = Literal["same pixels", "same file", "same tissue", "same name"]


class Leak(TypedDict):
    """A test image and one that a training saw. seen_by: which training, in words. points: for the same tissue, how
    many points agree; otherwise None."""

    test: str
    seen: str
    seen_by: str
    how: How
    points: int | None


@dataclass(frozen=True)
class Known:
    """An image as it is known elsewhere: its name without folder and ending, and the SHA-256 of its file ("": none)."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Seen(Known):
    """An image whose pixels are there. pixels: SHA-256 of its size and its 8-bit colours. points: see same_tissue."""

    pixels: str
    points: Points
    mirrored: Points | None


def colours(path: Path) -> NDArray[np.uint8]:
    """The pixels of an image of any depth as height x width x 3 (RGB), uint8; InputError where it cannot be read."""
    open_image(path, "an image")  # says what is wrong with the file
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


def look_at(path: Path, name: str, both_ways: bool, points: int = POINTS) -> Seen:
    """An image file as Seen. both_ways: also mirrored, which one of two compared images needs. points: at most."""
    pixels = colours(path)
    state = hashlib.sha256(str(pixels.shape).encode())
    state.update(pixels.tobytes())
    file = hashlib.sha256(path.read_bytes()).hexdigest()
    other_way = describe(mirrored(pixels), points) if both_ways else None
    return Seen(name, file, state.hexdigest(), describe(pixels, points), other_way)


def compare(test: Seen, other: Known, seen_by: str) -> Leak | None:
    """What the two images have in common, by the surest mark; None where nothing."""
    how: How | None = None
    points = None
    if isinstance(other, Seen) and test.pixels == other.pixels:
        how = "same pixels"
    elif other.sha256 and test.sha256 == other.sha256:
        how = "same file"
    elif isinstance(other, Seen):
        points = max(agreeing(own, other.points) for own in (test.points, test.mirrored) if own is not None)
        how = "same tissue" if points >= AGREEING else None
    if how is None and test.name.casefold() == other.name.casefold():
        how = "same name"
    if how is None:
        return None
    return {
        "test": test.name,
        "seen": other.name,
        "seen_by": seen_by,
        "how": how,
        "points": points if how == "same tissue" else None,
    }


def find_leaks(
    tests: Iterable[Seen],
    groups: Sequence[tuple[str, Sequence[Known]]],
    step: Callable[[], object] = lambda: None,
) -> Iterator[Leak]:
    """Yield every leak of the test images. groups: (who saw the images, in words, and the images). step(): called after
    each test image."""
    for test in tests:
        for seen_by, images in groups:
            for other in images:
                if leak := compare(test, other, seen_by):
                    yield leak
        step()
