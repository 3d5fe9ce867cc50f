"""Images to predict on: ordinary files, which are read whole, and slides, of which parts are read.

A slide is a tiled TIFF (SVS, pyramidal TIFF, OME-TIFF and others that tiffslide reads). It holds the same tissue at
several levels, from fine to coarse; of these one is chosen by its pixel size. Everything else is an ordinary image.

Coordinates are px of the chosen level, x right, y down, with pixel edges at integers. `downsample` px of the slide's
finest level, which other programs count in, are one px of the chosen level. Pixel sizes are µm per px.

Values of more than 8 bits, and floats, are stretched to 8 bits by the rule of nuclei.common.contrast, as in a training.
Of a slide the rule takes the values of an overview, since it is never read whole.
"""

import functools
import math
import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nuclei.common.contrast import DARK, between, limits
from nuclei.common.limits import MOST_PIXELS
from nuclei.common.stage import InputError
from nuclei.data.file_pixel_size import RANGE, as_number, micrometres
from nuclei.data.pictures import read_picture

if TYPE_CHECKING:
    from tiffslide import TiffSlide

Pixels = NDArray[np.uint8]  # height x width x (blue, green, red)

OVERVIEW = 2048  # px of the longer side of a picture by which an image is judged as a whole
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

    @functools.cached_property
    def overview(self) -> Pixels:
        """The whole image, reduced, by which it is judged as a whole."""
        return self.small(OVERVIEW)

    @property
    def is_dark(self) -> bool:
        """Whether the image is dark in the mean, as fluorescence is."""
        return float(self.overview.mean()) < DARK

    @property
    def is_stained(self) -> bool:
        """Whether the image can be stained tissue in bright light: it is neither dark nor grey.

        Grey: red, green and blue are the same everywhere.
        """
        return not self.is_dark and bool((np.ptp(self.overview, axis=2) > 0).any())


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
        part = self.values(self.level, 0, 0, min(self.width, 64), min(self.height, 64))
        # the values that become black and white are looked up later: that can take a whole level
        return as_colours(self.path, part, None if part.dtype == np.uint8 else (0, 1))

    def read(self, left: int, top: int, right: int, bottom: int) -> Pixels:
        part = self.values(self.level, left, top, right, bottom)
        return as_colours(self.path, part, None if part.dtype == np.uint8 else self.limits)

    @functools.cached_property
    def limits(self) -> tuple[float, float]:
        """The values that become 0 and 255 in a slide of more than 8 bits, by nuclei.common.contrast.

        They are those of the coarsest level of at least OVERVIEW px, of which every n-th pixel of every n-th row is
        taken, so that no side has more.
        """
        sizes = self.slide.level_dimensions
        level = max((at for at, size in enumerate(sizes) if max(size) >= OVERVIEW), default=0)
        width, height = sizes[level]
        step = -(-max(width, height) // OVERVIEW)
        side, found = step * max(1, OVERVIEW // step), []
        for top in range(0, height, side):
            for left in range(0, width, side):
                part = self.values(level, left, top, min(left + side, width), min(top + side, height))
                found.append(without_alpha(self.path, part)[::step, ::step].ravel())
        return limits(np.concatenate(found))

    def values(self, level: int, left: int, top: int, right: int, bottom: int) -> NDArray[Any]:
        """The values of a part of a level, as the file has them; its edges are px of that level."""
        own = self.slide.level_dimensions[level]
        # tiffslide takes the corner in px of the finest level, and rounds it down to the level's
        corner = [
            -(-at * whole // side) for at, whole, side in zip((left, top), self.slide.dimensions, own, strict=True)
        ]
        try:
            part = self.slide.read_region(tuple(corner), level, (right - left, bottom - top), as_array=True)
        except Exception as error:  # tifffile, zarr and the codecs raise many kinds on damaged tiles
            found = " ".join(str(error).split())[:80]
            raise InputError(
                f"{self.path}: damaged at x {left} to {right}, y {top} to {bottom} ({found}), wanted a whole slide; "
                "copy or export it again"
            ) from None
        return np.asarray(part)

    def small(self, longest: int) -> Pixels:
        fits = [at for at, size in enumerate(self.slide.level_dimensions) if max(size) >= longest]
        return ImageFile.small(Slide(self.path, self.slide, max([self.level, *fits])), longest)


def slide_pixel_size(slide: "TiffSlide") -> float | None:
    """Pixel size of a slide's finest level, µm; None where the file tells none, or none that can be true."""
    found = [slide.properties.get(f"tiffslide.mpp-{axis}") for axis in "xy"]
    if text := slide.ts_tifffile.ome_metadata:  # of which tiffslide 3.0.1 takes no pixel size
        found = [next(iter(re.findall(rf'PhysicalSize{axis}="([0-9.eE+-]+)"', text)), None) for axis in "XY"]
        units = re.findall(r'PhysicalSize[XY]Unit="([^"]*)"', text)
        found = found if all(micrometres(unit) == 1 for unit in units) else []  # OME-XML takes µm where no unit stands
    sizes = [as_number(value) for value in found if value]
    # the resolution of a screen or printer, 42 to 353 µm, is no pixel size
    return sum(sizes) / 2 if len(sizes) == 2 and RANGE[0] <= min(sizes) <= max(sizes) <= RANGE[1] else None


def as_colours(path: Path, array: NDArray[Any], limits: tuple[float, float] | None = None) -> Pixels:
    """Pixels of any reader as blue, green, red of 8 bits. array: grey, RGB or RGBA, numbers of any kind.

    limits: the values that become 0 and 255, where the image has others than those of 8 bits.
    """
    array = without_alpha(path, array)
    if limits:
        if not np.isfinite(limits).all() or not np.isfinite(array).all():
            raise InputError(f"{path}: a value that is no number found, wanted an image; export it again")
        array = between(array, *limits)
    return np.repeat(array, 3, axis=2) if array.shape[2] == 1 else np.ascontiguousarray(array[..., ::-1])


def without_alpha(path: Path, array: NDArray[Any]) -> NDArray[Any]:
    """The channels of colour: height x width x 1 (grey) or 3 (RGB). InputError where the array is something else."""
    if array.ndim == 3 and array.shape[0] in (3, 4) and array.shape[2] > 4:
        array = np.moveaxis(array, 0, 2)
    channels = 1 if array.ndim == 2 else array.shape[2]
    if array.ndim > 3 or channels not in (1, 3, 4) or array.dtype.kind not in "uif":
        raise InputError(
            f"{path}: {array.shape} values of {array.dtype} found, wanted grey, RGB or RGBA; export it as RGB"
        )
    return array.reshape(*array.shape[:2], channels)[..., :3]


def open_slide(path: Path, pixel_size: float | None) -> Slide | None:
    """The slide in a file, at the coarsest level that is not coarser than wanted; None where it is no slide.

    pixel_size: wanted, µm. Where it or the slide's own is None, the finest level is taken. InputError where it has four
    channels that are no RGB and alpha.
    """
    from tiffslide import TiffSlide

    try:
        slide = TiffSlide(path)
        if not slide.ts_tifffile.pages.first.is_tiled:
            return None
        level, finest, series = 0, slide_pixel_size(slide), slide.ts_tifffile.series[0]
    except Exception:  # tiffslide raises many kinds where a file is no TIFF, is damaged, or has several pages
        return None
    if series.axes == "CYX" and series.shape[0] == 4:  # channels of fluorescence, none of which is alpha
        raise InputError(f"{path}: 4 channels found, wanted grey or RGB; export one channel, or three as RGB")
    if finest and pixel_size:
        sizes = [finest * factor for factor in slide.level_downsamples]
        level = max((at for at, size in enumerate(sizes) if size <= pixel_size * COARSER), default=0)
    return Slide(path, slide, level)


def open_ordinary(path: Path) -> OrdinaryImage:
    """An image file that is read whole, as import_raw.py reads those of a training (nuclei.data.pictures).

    InputError where it cannot be read, is turned, has pages or is too large.
    """
    picture = read_picture(path)
    if picture.array.shape[0] * picture.array.shape[1] > MOST_PIXELS:
        raise InputError(f"{path}: more than {MOST_PIXELS} px found, wanted a tiled TIFF; convert it to a slide")
    return OrdinaryImage(path, as_colours(path, picture.array), picture.pixel_size)


def open_image_file(path: Path | str, pixel_size: float | None = None) -> ImageFile:
    """Open an image or slide. pixel_size: µm, by which the level of a slide is chosen.

    InputError where the file is neither.
    """
    path = Path(path)
    slide = open_slide(path, pixel_size) if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".bmp") else None
    return slide or open_ordinary(path)
