"""The stretching of an image's values to 0 to 255, by the values that the image itself holds.

The value below which 0.1 % of all values lie becomes 0, that below which 99.9 % lie becomes 255, all channels alike.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SHARES = (0.1, 99.9)  # % of the values that lie below black and below white


# The darkest of the 30 stained images of the course has a mean of 90, fluorescence of the Data Science Bowl 4 to 60.
DARK = 64  # mean of an image, of 255, below which it is dark, as fluorescence is


def limits(array: NDArray[Any]) -> tuple[float, float]:
    """The values of an image that become black and white, by the rule of the module."""
    low, high = np.percentile(array, SHARES)
    return float(low), float(high)


def stretched(array: NDArray[Any], least: float = 0) -> NDArray[np.uint8]:
    """Values of any type as 0 to 255, by the rule of the module. An image of one value becomes 0.

    least: difference of black and white, in the image's own values, below which nothing is stretched further, so that
    the noise of an empty image does not become contrast.

    >>> stretched(np.array([[100, 200, 300]], np.uint16)).tolist()
    [[0, 127, 255]]
    """
    return between(array, *limits(array), least)


def between(array: NDArray[Any], low: float, high: float, least: float = 0) -> NDArray[np.uint8]:
    """Values as 0 to 255, of which `low` becomes 0 and `high` 255. least: as for stretched()."""
    span = max(high - low, least)
    scale = 255 / span if span > 0 else 0.0
    return np.clip((array - low) * scale, 0, 255).astype(np.uint8)
