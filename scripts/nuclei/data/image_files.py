"""Images to predict on: ordinary files, which are read whole, and slides, of which parts are read.

A slide is a tiled TIFF (SVS, pyramidal TIFF, OME-TIFF and others that tiffslide reads). It holds the same tissue at
several levels, from fine to coarse; of these one is chosen by its pixel size. Everything else is an ordinary image.

Coordinates are px of the chosen level, x right, y down, with pixel edges at integers. `downsample` px of the slide's
finest level, which other programs count in, are one px of the chosen level. Pixel sizes are µm per px.
"""

import contextlib
import math
import re
import struct
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nuclei.common.limits import MOST_PIXELS
from nuclei.common.stage import InputError
from nuclei.data.masks import open_image

if TYPE_CHECKING:
    from tiffslide import TiffSlide

Pixels = NDArray[np.uint8]  # height x width x (blue, green, red)

COARSER = 1.1  # a level may be coarser than wanted by this factor: pixel sizes of one kind of scanner differ by as much


class ImageFile(ABC):
    """An image or slide that was opened: its size, its pixel size, and any part of it.

    width, height: px of the chosen level. downsample: px of the finest level per px of this one. pixel_size: µm per px
    of the chosen level, None where the file does not tell it.
    """

    is_slide = False
    downsample = 1.0

    def __init__(self, path: Path, width: int, height: int, pixel_size: float | None) -> None:
        self.path, self.width, self.height, self.pixel_size = path, width, height, pixel_size

    @abstractmethod
    def read(self, left: int, top: int, right: int, bottom: int) -> Pixels:
        """The pixels of a part, right and bottom exclusive: uint8, height x width x (blue, green, red)."""

    def corner(self) -> Pixels:
        """The first pixels, 64 x 64 or less: an image that cannot be read is known without reading all of a slide.

        InputError where it is damaged there, and where the end of a slide is missing.
        """
        return self.read(0, 0, min(self.width, 64), min(self.height, 64))

    def small(self, longest: int) -> Pixels:
        """The whole image, reduced so that its longer side has at most `longest` px: as read(), at any size."""
        scale = min(1.0, longest / max(self.width, self.height))
        picture = np.zeros((max(1, round(self.height * scale)), max(1, round(self.width * scale)), 3), np.uint8)
        step = max(1, math.floor(2048 * scale))  # px of the small picture that are made of one part
        for top in range(0, picture.shape[0], step):
            for left in range(0, picture.shape[1], step):
                part = picture[top : top + step, left : left + step]
                edges = (left / scale, top / scale, (left + part.shape[1]) / scale, (top + part.shape[0]) / scale)
                x0, y0, x1, y1 = map(round, edges)
                pixels = self.read(x0, y0, min(x1, self.width), min(y1, self.height))
                part[:] = cv2.resize(pixels, part.shape[1::-1], interpolation=cv2.INTER_AREA)
        return picture


class OrdinaryImage(ImageFile):
    """An image that is read whole, and once, when its first part is asked for."""

    def __init__(self, path: Path, pixels: Pixels, pixel_size: float | None = None) -> None:
        super().__init__(path, pixels.shape[1], pixels.shape[0], pixel_size)
        self.pixels = pixels

    def read(self, left: int, top: int, right: int, bottom: int) -> Pixels:
        return self.pixels[top:bottom, left:right]


class Slide(ImageFile):
    """A slide that tiffslide opened, at one of its levels."""

    is_slide = True

    def __init__(self, path: Path, slide: "TiffSlide", level: int) -> None:
        width, height = slide.level_dimensions[level]
        self.slide, self.level = slide, level
        self.downsample = slide.dimensions[0] / width
        finest = slide_pixel_size(slide)
        super().__init__(path, width, height, finest and finest * self.downsample)

    def corner(self) -> Pixels:
        size = self.path.stat().st_size
        pages = [page for level in self.slide.ts_tifffile.series[0].levels for page in level.pages if page]
        wanted = max(sum(place) for page in pages for place in zip(page.dataoffsets, page.databytecounts, strict=True))
        if wanted > size:
            raise InputError(
                f"{self.path}: {size} bytes found, wanted {wanted} or more, so that its end is missing; copy it again"
            )
        return super().corner()

    def read(self, left: int, top: int, right: int, bottom: int) -> Pixels:
        # tiffslide takes the corner in px of the finest level, and rounds it down to the level's
        corner = [
            -(-at * whole // own) for at, whole, own in zip((left, top), self.slide.dimensions, self.size, strict=True)
        ]
        try:
            part = self.slide.read_region(tuple(corner), self.level, (right - left, bottom - top), as_array=True)
        except Exception as error:  # tifffile, zarr and the codecs raise many kinds on damaged tiles
            found = " ".join(str(error).split())[:80]
            raise InputError(
                f"{self.path}: damaged at x {left} to {right}, y {top} to {bottom} ({found}), wanted a whole slide; "
                "copy or export it again"
            ) from None
        return as_colours(self.path, part)

    def small(self, longest: int) -> Pixels:
        fits = [at for at, size in enumerate(self.slide.level_dimensions) if max(size) >= longest]
        return ImageFile.small(Slide(self.path, self.slide, max([self.level, *fits])), longest)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the level, px."""
        return self.width, self.height


def slide_pixel_size(slide: "TiffSlide") -> float | None:
    """Pixel size of a slide's finest level, µm; None where the file tells none, or none that can be true."""
    found = [slide.properties.get(f"tiffslide.mpp-{axis}") for axis in "xy"]
    if text := slide.ts_tifffile.ome_metadata:  # of which tiffslide 3.0.1 takes no pixel size
        found = [next(iter(re.findall(rf'PhysicalSize{axis}="([0-9.eE+-]+)"', text)), None) for axis in "XY"]
        units = re.findall(r'PhysicalSize[XY]Unit="([^"]*)"', text)
        found = found if set(units) <= {"µm"} else []  # µm is what OME-XML takes where no unit stands
    sizes = [float(value) for value in found if value]
    return sum(sizes) / 2 if len(sizes) == 2 and 0.01 < min(sizes) <= max(sizes) < 100 else None


def as_colours(path: Path, array: NDArray[Any]) -> Pixels:
    """Pixels of any reader as blue, green, red of 8 bits. array: grey, RGB or RGBA, uint8 or uint16."""
    if array.ndim == 3 and array.shape[0] in (3, 4) and array.shape[2] > 4:
        array = np.moveaxis(array, 0, 2)
    channels = 1 if array.ndim == 2 else array.shape[2]
    if array.ndim > 3 or channels not in (1, 3, 4) or array.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"{path}: {array.shape} values of {array.dtype} found, wanted grey, RGB or RGBA of 8 or 16 bits; export it "
            "as RGB"
        )
    if array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)  # as OpenCV does
    if channels == 1:
        return np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(array[..., 2::-1])


def open_slide(path: Path, pixel_size: float | None) -> Slide | None:
    """The slide in a file, at the coarsest level that is not coarser than wanted; None where it is no slide.

    pixel_size: wanted, µm. Where it or the slide's own is None, the finest level is taken.
    """
    import tifffile
    from tiffslide import TiffSlide

    try:
        slide = TiffSlide(path)
        tiled = slide.ts_tifffile.pages.first.is_tiled
    except (tifffile.TiffFileError, ValueError, KeyError, TypeError, IndexError, struct.error, OSError):
        return None
    if not tiled:
        return None
    level, finest = 0, slide_pixel_size(slide)
    if finest and pixel_size:
        sizes = [finest * factor for factor in slide.level_downsamples]
        level = max((at for at, size in enumerate(sizes) if size <= pixel_size * COARSER), default=0)
    return Slide(path, slide, level)


def tiff_pixel_size(path: Path) -> float | None:
    """Pixel size of a TIFF that is no slide, µm, as its resolution or ImageJ tells it; None where nothing does."""
    import tifffile

    with contextlib.suppress(Exception), tifffile.TiffFile(path) as file:
        page = file.pages.first
        unit = {2: 25400, 3: 10000}.get(int(page.tags["ResolutionUnit"].value))
        if file.imagej_metadata and file.imagej_metadata.get("unit") in ("micron", "um", "µm", "\\u00B5m"):
            unit = 1
        above, below = page.tags["XResolution"].value
        size = unit * below / above if unit else 0
        # 72 to 600 dots per inch are what programs write that know no pixel size
        return size if 0.01 < size < 25400 / 1000 else None
    return None


def open_ordinary(path: Path) -> OrdinaryImage:
    """An image file that is read whole: PNG, JPEG, TIFF and what else OpenCV reads.

    InputError where it cannot be read, has an orientation, or uses 14 or fewer of its 16 bits.
    """
    found = open_image(path, "an image")
    if found.dtype == np.uint16 and 0 < (highest := int(found.max())) < 2**14:
        raise InputError(
            f"{path}: 16-bit image with values up to {highest} found, wanted all 16 bits, or 8; convert it to 8 bits"
        )
    if found.shape[0] * found.shape[1] > MOST_PIXELS:
        raise InputError(f"{path}: more than {MOST_PIXELS} px found, wanted a tiled TIFF; convert it to a slide")
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise InputError(f"{path}: not a readable image, wanted PNG, JPEG or TIFF; export it again")
    size = tiff_pixel_size(path) if path.suffix.lower() in (".tif", ".tiff") else None
    return OrdinaryImage(path, np.asarray(pixels, np.uint8), size)


def open_image_file(path: Path | str, pixel_size: float | None = None) -> ImageFile:
    """Open an image or slide. pixel_size: µm, by which the level of a slide is chosen.

    InputError where the file is neither.
    """
    path = Path(path)
    slide = open_slide(path, pixel_size) if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".bmp") else None
    return slide or open_ordinary(path)
