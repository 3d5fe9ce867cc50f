"""What is measured of each nucleus: size, shape, place, and how strongly it is stained.

Lengths and areas are px of the image or slide level that was looked at; `with_units` adds them in µm. The centroid is
in px of the slide's finest level, where other programs count, with pixel edges at integers: the middle of the first
pixel is at 0.5, 0.5.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from nuclei.common.stains import density, stains
from nuclei.data.image_files import Pixels
from nuclei.prediction.instances import Nucleus

STAIN_NAMES = ("hematoxylin_od", "eosin_od", "dab_od")

COLUMNS = ("x", "y", "area_px", "perimeter_px", "eccentricity", *STAIN_NAMES, "score")

# Length that a border pixel stands for, by how many of its neighbours are border pixels as well: 1 + 2 x (those beside
# it) + ... Benkrid and Crookes, Design and FPGA implementation of a perimeter estimator (2000), table 1.
CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
KERNEL = np.array([[10, 2, 10], [2, 1, 2], [10, 2, 10]], np.uint8)
LENGTHS = np.zeros(64)
LENGTHS[[5, 7, 15, 17, 25, 27]] = 1
LENGTHS[[21, 33]] = 2**0.5
LENGTHS[[13, 23]] = (1 + 2**0.5) / 2


@dataclass
class MeasuredNucleus(Nucleus):
    """A nucleus with what was measured of it."""

    row: list[float] = field(default_factory=list)  # in the order of COLUMNS; x, y in px of the level looked at


def perimeter(mask: NDArray[np.bool_]) -> float:
    """Length of a mask's border, px, where the border runs through the middles of its outermost pixels (source above).

    mask: bool, height x width. Holes have borders, too.
    """
    padded = cv2.copyMakeBorder(mask.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    border = padded - cv2.erode(padded, CROSS)
    return float(LENGTHS[cv2.filter2D(border, -1, KERNEL, borderType=cv2.BORDER_CONSTANT)].sum())


def eccentricity(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """Eccentricity, from 0 (circle) to 1, of the ellipse with the second moments of a mask.

    x, y: of its pixels, from their mean. The lengths of the axes go with the eigenvalues of the covariance matrix.
    """
    xx, yy, xy = float(x @ x), float(y @ y), float(x @ y)
    middle, apart = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    return math.sqrt(min(1.0, 2 * apart / (middle + apart))) if middle else 0.0


def measure(nucleus: Nucleus, pixels: Pixels, left: int = 0, top: int = 0) -> MeasuredNucleus:
    """A nucleus, measured.

    pixels: of the part of the image that starts at left, top, px. The nucleus lies in this part, in the coordinates of
    the image.
    """
    high, wide = nucleus.mask.shape
    own = pixels[nucleus.y - top : nucleus.y - top + high, nucleus.x - left : nucleus.x - left + wide]
    mean = stains(density(own[nucleus.mask]).mean(axis=0)).tolist()
    y, x = np.nonzero(nucleus.mask)
    middle_x, middle_y = float(x.mean()), float(y.mean())
    shape = [float(len(x)), perimeter(nucleus.mask), eccentricity(x - middle_x, y - middle_y)]
    row = [nucleus.x + middle_x + 0.5, nucleus.y + middle_y + 0.5, *shape, *mean, float(nucleus.score)]
    return MeasuredNucleus(nucleus.score, nucleus.box, nucleus.mask, nucleus.x, nucleus.y, nucleus.category, row)


def with_units(
    row: Sequence[float], downsample: float, pixel_size: float | None, stained: bool = True
) -> dict[str, float]:
    """One nucleus's values by name, the centroid in px of the finest level, and with µm where the pixel size is known.

    row: of a MeasuredNucleus. downsample: px of the finest level per px. pixel_size: µm per px of the level looked at.
    stained: whether the image can be stained tissue (ImageFile.is_stained); else the stains, which mean nothing there,
    are left out.
    """
    values = dict(zip(COLUMNS, row, strict=True))
    if not stained:
        values = {name: value for name, value in values.items() if name not in STAIN_NAMES}
    values |= {"x": values["x"] * downsample, "y": values["y"] * downsample}
    if pixel_size:
        values["x_um"], values["y_um"] = (values[axis] / downsample * pixel_size for axis in "xy")
        values["area_um2"] = values["area_px"] * pixel_size**2
        values["perimeter_um"] = values["perimeter_px"] * pixel_size
    return {name: round(value, 4) for name, value in values.items()}
