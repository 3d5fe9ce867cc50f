"""Reading the images and masks of the raw data.

Images may have any depth and number of channels; masks have one channel of 8 bits or 1 bit. Coordinates are px, x
right, y down, with pixel edges at integers: right and bottom of a box are exclusive.
"""

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from kornia_rs.io import decode_image_png_u8
from numpy.typing import NDArray

from nuclei.common.limits import MOST_PIXELS
from nuclei.common.stage import InputError
from nuclei.data.raw_layout import RawImage


def decode_png(data: bytes) -> NDArray[np.uint8] | None:
    """The pixels of an ordinary PNG (8 bits, grey or RGB) from its bytes: uint8, height x width x channels.

    None for any other content. kornia-rs decodes masks nine times as fast as OpenCV, but it does not look at what
    follows the pixels. So the end of the file is checked here.
    """
    mode = {b"\x08\x00": "mono", b"\x08\x02": "rgb"}.get(data[24:26])
    if not mode or data[12:16] != b"IHDR" or not data.endswith(b"\0\0\0\0IEND\xaeB`\x82"):
        return None
    width, height = struct.unpack(">2I", data[16:24])
    if not 0 < width * height <= MOST_PIXELS:
        return None
    try:
        return decode_image_png_u8(data, (height, width), mode)
    except Exception:  # kornia-rs has no narrower one; OpenCV then decides whether the file is readable
        return None


def read_image(path: Path) -> NDArray[Any] | None:
    """The pixels of an image file, in the file's own type: height x width, or height x width x channels.

    The channels may come in RGB or BGR order: an ordinary PNG is read by decode_png, any other file by OpenCV. None
    where the file is unreadable.
    """
    try:
        array = decode_png(path.read_bytes())
        if array is None:
            return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except (cv2.error, OSError):
        return None
    return array[..., 0] if array.shape[2] == 1 else array


def image_size(image: RawImage) -> tuple[int, int]:
    """(width, height) of an image, px. InputError where it cannot be read."""
    array = read_image(image.file)
    if array is None:
        raise InputError(f"{image.file}: not a readable PNG, wanted an image; export it again")
    return array.shape[1], array.shape[0]


def read_nucleus(
    path: Path, size: tuple[int, int] | None = None
) -> tuple[NDArray[np.bool_], int, int, tuple[int, int]]:
    """(part, left, top, (width, height)) of a mask file.

    part: the mask inside its bounding box, bool. left, top: the corner of that box, px. width, height: of the file, px.
    Raises InputError unless the file is a PNG of one channel of 8 bits with the values 0 and 255 or 0 and 1, is not
    empty, and has the size `size` (width, height), px, where that is given.
    """
    array = read_image(path)
    if array is None:
        raise InputError(f"{path}: not a readable PNG, wanted a mask; export it again")
    if array.ndim != 2 or array.dtype != np.uint8:
        channels = 1 if array.ndim == 2 else array.shape[2]
        raise InputError(
            f"{path}: {channels} channels of {array.dtype} found, wanted 1 of uint8; export it as an 8-bit grey PNG"
        )
    found = (array.shape[1], array.shape[0])
    if size and found != size:
        raise InputError(
            f"{path}: {found[0]}x{found[1]} px found, wanted {size[0]}x{size[1]} as its image; export it again"
        )
    highest = cv2.reduce(array, 1, cv2.REDUCE_MAX)[:, 0]  # of each row
    top = int(highest.max())
    if top == 0:
        raise InputError(f"{path}: empty mask (all 0), wanted a nucleus; remove the file")
    rows = np.flatnonzero(highest)
    columns = np.flatnonzero(array[rows[0] : rows[-1] + 1].any(axis=0))
    part = array[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    mask = part > 0
    # there are only two values where as many pixels have the highest value as are not 0; faster than np.unique
    if top not in (1, 255) or np.count_nonzero(part == top) != np.count_nonzero(mask):
        values = np.unique(array)[:6].tolist()
        raise InputError(f"{path}: values {values} found, wanted 0 and 255 (or 0 and 1); threshold the mask")
    return mask, int(columns[0]), int(rows[0]), found


def read_mask(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.bool_]:
    """The whole mask of a mask file: bool, height x width. InputError as in read_nucleus."""
    part, left, top, (width, height) = read_nucleus(path, size)
    mask = np.zeros((height, width), bool)
    mask[top : top + part.shape[0], left : left + part.shape[1]] = part
    return mask
