"""The test images as JPEG files in data URLs, small enough for one page; dark ones are brightened (brightness.py)."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import cv2
import numpy as np

from nuclei.coco.types import Image
from nuclei.common.stage import InputError
from nuclei.report.brightness import brightened

MOST = 3_200_000  # bytes of all pictures together; as base64 a third more
# (longest side, px; quality of the JPEG), from good to small: the first one that all images fit in is taken
STEPS = [(1000, 85), (1000, 78), (1000, 68), (1000, 55), (800, 60), (600, 60), (400, 60), (250, 55), (150, 50)]


class Shown(TypedDict):
    """A test image of the page. width, height: px of the image itself, in which contours count, not of the picture.

    dark: whether it was brightened.
    """

    id: int
    name: str
    width: int
    height: int
    dark: bool
    url: str


def jpeg(path: Path, side: int, quality: int) -> tuple[bytes, bool]:
    """(an image file as a JPEG of at most `side` px, whether it was dark). InputError where it cannot be read."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise InputError(f"{path}: not a readable image, wanted the test image; check the raw data")
    picture, dark = brightened(np.asarray(picture, np.uint8))
    scale = side / max(picture.shape[:2])
    if scale < 1:
        size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    return bytes(cv2.imencode(".jpg", picture, options)[1].tobytes()), dark


def pictures(folder: Path | str, images: Sequence[Image], most: int = MOST) -> list[Shown]:
    """The images of a COCO ground truth, all in the same quality. folder: holds them. most: bytes of all together.

    InputError naming an image that cannot be read.
    """
    found: list[tuple[bytes, bool]] = []
    for side, quality in STEPS:
        found = []
        for image in images:
            found.append(jpeg(Path(folder) / image["file_name"], side, quality))
            if sum(len(content) for content, _ in found) > most:
                break
        if sum(len(content) for content, _ in found) <= most:
            break
    else:  # even the smallest pictures are too much together; the page is then larger
        found = [jpeg(Path(folder) / image["file_name"], *STEPS[-1]) for image in images]
    return [
        {
            "id": image["id"],
            "name": Path(image["file_name"]).stem,
            "width": image["width"],
            "height": image["height"],
            "dark": dark,
            "url": "data:image/jpeg;base64," + base64.b64encode(content).decode(),
        }
        for image, (content, dark) in zip(images, found, strict=True)
    ]
