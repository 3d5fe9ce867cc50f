"""Images of any kind, read as this project trains on them: 8 bits, grey or RGB.

The rules: 8-bit values stay as they are. Values of more bits, and floats, are stretched: in each image the value below
which 0.1 % of all values lie becomes 0, that below which 99.9 % lie becomes 255, all channels alike. So an image looks
the same whatever other images there are. A palette becomes its colours; an alpha channel is left out. TIFFs are read by
tifffile, everything else by OpenCV.
"""

import hashlib
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nuclei.common.contrast import between, limits
from nuclei.common.limits import MOST_PIXELS
from nuclei.common.stage import InputError
from nuclei.data.file_pixel_size import of_resolution, of_tiff
from nuclei.data.masks import decode_png, orientation

TIFFS = {".tif", ".tiff", ".svs", ".btf", ".tf8"}
ROWS = 256
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", *TIFFS}


@dataclass
class Picture:
    """An image: uint8, height x width (grey) or height x width x 3 (RGB)."""

    array: NDArray[np.uint8]
    as_it_is: bool  # whether the file is a PNG with exactly these values
    pixel_size: float | None = None  # µm, where the file has it
    said: list[str] = field(default_factory=list)  # what was changed


def form_of(path: Path) -> str:
    """What a file should be, for errors: its ending in capitals."""
    return path.suffix[1:].upper() or "image"


def tiff_pages(path: Path, as_seen: bool = True) -> tuple[NDArray[Any], str, float | None]:
    """(pixels, axes, pixel size in µm or None) of the image of a TIFF, in its own type.

    as_seen: 0 is white where the file says so, and a palette gives its colours; otherwise the numbers are as the file
    stores them. axes: a letter for each dimension, as tifffile has them: Y, X, S (samples), C (channels), Z, T, Q, I
    (pages). InputError where the file is unreadable, too large, or holds images of several sizes.
    """
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what is wrong with a file is for us to say
    try:
        with tifffile.TiffFile(path) as file:
            check_series(path, file.series)
            series, page = file.series[0], file.pages[0]
            array, axes = series.asarray(), series.axes
            if array.shape != series.shape or len(axes) != array.ndim:  # tifffile only warns of values that lack
                raise InputError(
                    f"{path}: {array.size} of {np.prod(series.shape)} values found, wanted all; export it again"
                )
            if as_seen:
                array, axes = seen(path, array, axes, page)
            return array, axes, of_tiff(file)
    except InputError:
        raise
    except Exception as error:  # tifffile and its codecs raise many kinds on damaged files
        problem = f"{path}: not a readable {form_of(path)} ({' '.join(str(error).split()):.80})"
        raise InputError(f"{problem}, wanted an image; export it again") from None


def check_series(path: Path, series: Sequence[Any]) -> None:
    """InputError where a TIFF holds an image that is too large, or several. series: of tifffile, of one kind each."""
    shape, axes = series[0].shape, series[0].axes
    values, shown = math.prod(shape), "x".join(map(str, shape))
    pixels = math.prod(length for length, axis in zip(shape, axes, strict=False) if axis in "YX")
    if values > 4 * MOST_PIXELS or pixels > MOST_PIXELS:
        raise InputError(
            f"{path}: {shown} values found, wanted {MOST_PIXELS} px at most; cut regions out of it (docs/qupath.md)"
        )
    if not values:
        raise InputError(f"{path}: {shown} values found, wanted an image; correct it")
    # previews (1) and masks of transparency (4) are no images of their own; slides have pictures of their labels, too
    pages = [one.keyframe for one in series[1:]]
    others = [page for page in pages if not (page.is_subifd or page.subfiletype & (1 | 4))]
    if others and series[0].kind in ("uniform", "generic", "shaped", "imagej", "ome"):
        raise InputError(
            f"{path}: {len(others) + 1} images of different sizes or kinds found, wanted one; write each into a file "
            "of its own"
        )


def seen(path: Path, array: NDArray[Any], axes: str, page: Any) -> tuple[NDArray[Any], str]:
    """(pixels, axes) of a TIFF as a person sees them. InputError where its colours are not red, green and blue."""
    from tifffile import PHOTOMETRIC

    kind = getattr(page, "photometric", None)
    if kind in (PHOTOMETRIC.SEPARATED, PHOTOMETRIC.CIELAB, PHOTOMETRIC.ICCLAB, PHOTOMETRIC.ITULAB):
        name = "CMYK" if kind == PHOTOMETRIC.SEPARATED else "Lab"
        raise InputError(f"{path}: {name} colours found, wanted grey or RGB; export it as RGB")
    if kind == PHOTOMETRIC.MINISWHITE and array.dtype.kind in "bu":
        return ~array, axes
    if kind == PHOTOMETRIC.PALETTE and page.colormap is not None and array.ndim == 2:
        return (page.colormap[:, array] >> 8).astype(np.uint8).transpose(1, 2, 0), axes + "S"
    return array, axes


def read_tiff(path: Path, as_seen: bool = True) -> tuple[NDArray[Any], float | None]:
    """(pixels, pixel size) of a TIFF with one page: height x width, or height x width x channels (RGB, RGBA).

    as_seen: as in tiff_pages.
    """
    array, axes, size = tiff_pages(path, as_seen)
    kept = [index for index, length in enumerate(array.shape) if length > 1 or axes[index] in "YX"]
    array, axes = array.reshape([array.shape[index] for index in kept]), "".join(axes[index] for index in kept)
    if axes in ("CYX", "YXC") and array.shape[axes.index("C")] == 4:  # channels of fluorescence, none of which is alpha
        raise InputError(f"{path}: 4 channels found, wanted grey or RGB; export one channel, or three as RGB")
    if axes in ("CYX", "SYX"):
        array, axes = array.transpose(1, 2, 0), "YXS"
    if axes not in ("YX", "YXS", "YXC"):
        pages = int(np.prod([length for length, axis in zip(array.shape, axes, strict=True) if axis not in "YXSC"]))
        raise InputError(f"{path}: {pages} pages found, wanted one; write each page into a file of its own")
    return array, size


def read_plain(path: Path, data: bytes) -> NDArray[Any]:
    """The pixels of a PNG, JPEG or BMP in its own type: height x width, or height x width x channels (RGB, RGBA)."""
    array = decode_png(data)
    if array is not None:
        return array[..., 0] if array.shape[2] == 1 else array
    try:
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error:
        array = None
    if array is None:
        raise InputError(f"{path}: not a readable {form_of(path)}, wanted a PNG, TIFF or JPEG; export it again")
    if array.ndim == 3 and array.shape[2] in (3, 4):
        array = cv2.cvtColor(array, cv2.COLOR_BGR2RGB if array.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
    return array


def read_file(path: Path) -> bytes:
    """The bytes of a file; InputError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), wanted an image; check the file") from None


def pixels_sha256(array: NDArray[np.uint8]) -> str:
    """SHA-256 of an image's size and colours, whatever its file: of a picture's array, grey as RGB."""
    colours = np.repeat(array[..., None], 3, axis=2) if array.ndim == 2 else array
    return hashlib.sha256(str(colours.shape).encode() + np.ascontiguousarray(colours).tobytes()).hexdigest()


def check_pointer(path: Path) -> None:
    """InputError where a file cannot be read, or is the pointer of Git LFS in the place of a file."""
    try:
        with path.open("rb") as file:
            begin = file.read(40)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), wanted an image; check the file") from None
    if begin.startswith(b"version https://git-lfs.github.com/spec/"):
        raise InputError(f"{path}: a pointer of Git LFS found, wanted an image; run git lfs pull")


def read_picture(path: Path) -> Picture:
    """One image by the rules of the module. InputError where it is unreadable, turned, or has pages or odd channels."""
    said: list[str] = []
    check_pointer(path)
    if path.suffix.lower() in TIFFS:
        (array, size), data = read_tiff(path), b""
    else:
        data = read_file(path)
        array, size = read_plain(path, data), of_resolution(data)
        turned = orientation(data)
        if turned != 1:
            raise InputError(f"{path}: EXIF orientation {turned} found, wanted none (or 1); export it upright")
    channels = 1 if array.ndim == 2 else array.shape[2]
    if channels not in (1, 2, 3, 4) or array.dtype.kind not in "buif":
        raise InputError(f"{path}: {channels} channels of {array.dtype} found, wanted grey or RGB; export it as one")
    if channels in (2, 4):
        alpha = array[..., -1]
        whole = alpha.size and alpha.min() == (np.iinfo(alpha.dtype).max if alpha.dtype.kind in "iu" else 1)
        if channels == 2 and path.suffix.lower() in TIFFS:
            raise InputError(f"{path}: 2 channels found, wanted grey or RGB; export one channel, or both as RGB")
        array = array[..., :-1]
        said += ["alpha channel left out" if whole else "alpha channel that is not all opaque left out"]
    array = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    if array.dtype != np.uint8:
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(f"{path}: a value that is no number found, wanted an image; export it again")
        said += [f"{array.dtype} stretched to 8 bits"]
        low, high = limits(array)
        rows = range(0, len(array), ROWS)  # part by part, since on the way a value has 8 bytes
        array = np.concatenate([between(array[row : row + ROWS], low, high) for row in rows])
    same = not said and decode_png(data) is not None if data else False
    return Picture(np.ascontiguousarray(array), same, size, said)
