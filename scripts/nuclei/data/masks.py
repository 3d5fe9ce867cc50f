"""Reading the images and masks of the raw data.

Images may have 8 or 16 bits and any number of channels; masks have one channel of 8 bits or 1 bit. Neither may have an
orientation, by which some readers turn the pixels and others do not. Coordinates are px, x
right, y down, with pixel edges at integers: right and bottom of a box are exclusive.
"""

import struct
from pathlib import Path
from reprlib import repr as short
from typing import Any

import cv2
import numpy as np
from kornia_rs.io import decode_image_png_u8
from numpy.typing import NDArray

from nuclei.coco.rle import decode_part, run_lengths
from nuclei.common.limits import MOST_PIXELS
from nuclei.common.stage import InputError
from nuclei.data.raw_layout import Mask, RawImage
from nuclei.data.stored_nuclei import StoredNucleus


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


def read_image(path: Path, data: bytes | None = None) -> NDArray[Any] | None:
    """The pixels of an image file, in the file's own type: height x width, or height x width x channels.

    data: the bytes of the file, where they were read already. The channels may come in RGB or BGR order: an ordinary
    PNG is read by decode_png, any other file by OpenCV. None where the file is unreadable.
    """
    try:
        array = decode_png(path.read_bytes() if data is None else data)
        if array is None:
            return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except (cv2.error, OSError):
        return None
    return array[..., 0] if array.shape[2] == 1 else array


def orientation(data: bytes) -> int:
    """The EXIF orientation of a PNG or JPEG from its bytes: 1 (upright, also where none is told) to 8.

    EXIF 2.32, section 4.6.4 A: tag 0x0112 of a TIFF header's first directory, whose entries have 12 bytes each.
    """
    for mark in (b"eXIf", b"Exif\0\0"):  # chunk of a PNG, segment of a JPEG
        at = data.find(mark)
        header = data[at + len(mark) :] if at >= 0 else b""
        order = {b"II*\0": "<", b"MM\0*": ">"}.get(header[:4])
        if order and len(header) >= 8:
            first = struct.unpack(order + "I", header[4:8])[0]
            for entry in range(first + 2, min(len(header) - 11, first + 2 + 12 * 64), 12):
                tag, _, _, value = struct.unpack(order + "HHIH", header[entry : entry + 10])
                if tag == 0x0112:
                    return value if 1 <= value <= 8 else 1
    return 1


def open_image(path: Path, wanted: str) -> NDArray[Any]:
    """The pixels of an image or mask file, as read_image gives them. wanted: what the file should be, for the errors.

    InputError where it cannot be read, is the pointer of Git LFS in the place of a file, or has an orientation.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), wanted {wanted}; check the file") from None
    if data.startswith(b"version https://git-lfs.github.com/spec/"):
        raise InputError(f"{path}: a pointer of Git LFS found, wanted {wanted}; run git lfs pull")
    array = read_image(path, data)
    if array is None:
        form = path.suffix[1:].upper() or "image"
        raise InputError(f"{path}: not a readable {form}, wanted {wanted}; export it again")
    turned = orientation(data)
    if turned != 1:
        raise InputError(f"{path}: EXIF orientation {turned} found, wanted none (or 1); export it upright")
    return array


def image_size(image: RawImage) -> tuple[int, int]:
    """(width, height) of an image, px.

    InputError as in open_image, and where its numbers are others than whole ones of 8 or 16 bits, which mmcv does not
    read, or reads as black. Also where an image of 16 bits uses 14 or fewer: every reader divides by 256, so that it
    would be trained on nearly black.
    """
    array = open_image(image.file, "an image")
    if array.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{image.file}: pixels of {array.dtype} found, wanted 8 or 16 bits; convert it to 8 bits")
    if array.dtype == np.uint16:
        highest = int(array.max())
        bits = highest.bit_length()
        if 0 < bits <= 14:
            raise InputError(
                f"{image.file}: 16-bit image with values up to {highest} found ({bits} bits in use), wanted all "
                f"16 bits, or 8; convert it to 8 bits, value * 255 / {2**bits - 1}"
            )
    return array.shape[1], array.shape[0]


def label_problem(path: Path, array: NDArray[Any]) -> str | None:
    """The problem line of a file that looks like a label image, in which each nucleus has a value; None for others.

    array: height x width. Its values are 0 (or not) and 1 to N without a gap, N > 1.
    """
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.integer):
        return None
    values = np.unique(array)
    count = int(values[-1])
    if count < 2 or not np.array_equal(values[values > 0], np.arange(1, count + 1)):
        return None
    return (
        f"{path}: values up to {count} found, which looks like a label image of {count} nuclei, wanted a file per "
        "nucleus with 0 and 255; write each value into a file of its own"
    )


def read_stored(
    nucleus: StoredNucleus, size: tuple[int, int] | None = None
) -> tuple[NDArray[np.bool_], int, int, tuple[int, int]]:
    """The same as read_nucleus, of a nucleus of masks.json. InputError where its run-length code is wrong or empty."""
    code: Any = nucleus.segmentation
    right = isinstance(code, dict) and isinstance(code.get("size"), list) and isinstance(code.get("counts"), str)
    found = code["size"] if right and len(code["size"]) == 2 else [0, 0]
    runs = run_lengths(code["counts"]) if right else None
    height, width = (size[1], size[0]) if size else found
    whole = all(type(side) is int and side > 0 for side in found) and found == [height, width]
    if not whole or runs is None or sum(runs) != height * width:
        raise InputError(
            f"{nucleus}: {short(code)} found, wanted a run-length code of {width}x{height} px; import the data again"
        )
    if not any(runs[1::2]):
        raise InputError(f"{nucleus}: empty mask (all 0), wanted a nucleus; remove its row")
    return *decode_part(code), (width, height)


def read_nucleus(
    path: Mask, size: tuple[int, int] | None = None
) -> tuple[NDArray[np.bool_], int, int, tuple[int, int]]:
    """(part, left, top, (width, height)) of a mask file, or of a nucleus of masks.json.

    part: the mask inside its bounding box, bool. left, top: the corner of that box, px. width, height: of the file, px.
    Raises InputError as in open_image, and unless the file is a PNG of one channel of 8 bits with the values 0 and 255
    or 0 and 1, is not empty, and has the size `size` (width, height), px, where that is given.
    """
    if isinstance(path, StoredNucleus):
        return read_stored(path, size)
    array = open_image(path, "a mask")
    if array.ndim != 2 or array.dtype != np.uint8:
        if labels := label_problem(path, array):
            raise InputError(labels)
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
    # if every pixel that is not 0 has the highest value, there are only two values; this is faster than np.unique
    if top not in (1, 255) or np.count_nonzero(part == top) != np.count_nonzero(mask):
        if labels := label_problem(path, array):
            raise InputError(labels)
        values = np.unique(array)[:6].tolist()
        raise InputError(f"{path}: values {values} found, wanted 0 and 255 (or 0 and 1); threshold the mask")
    return mask, int(columns[0]), int(rows[0]), found


def read_mask(path: Mask, size: tuple[int, int] | None = None) -> NDArray[np.bool_]:
    """The whole mask of a nucleus: bool, height x width. Mask files and InputError as in read_nucleus."""
    part, left, top, (width, height) = read_nucleus(path, size)
    mask = np.zeros((height, width), bool)
    mask[top : top + part.shape[0], left : left + part.shape[1]] = part
    return mask
