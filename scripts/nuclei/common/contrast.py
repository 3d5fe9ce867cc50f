"""The stretching of an image's values to 0 to 255, by the values that the image itself holds.

The value below which 0.1 % of all values lie becomes 0, that below which 99.9 % lie becomes 255, all channels alike.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SHARES = (0.1, 99.9)  # % of the values that lie below black and below white


def stretched(array: NDArray[Any], least: float = 0) -> NDArray[np.uint8]:
    """Values of any type as 0 to 255, by the rule of the module. An image of one value becomes 0.

    least: difference of black and white, in the image's own values, below which nothing is stretched further, so that
    the noise of an empty image does not become contrast.

    >>> stretched(np.array([[100, 200, 300]], np.uint16)).tolist()
    [[0, 127, 255]]
    """
    low, high = np.percentile(array, SHARES)
    span = max(high - low, least)
    scale = 255 / span if span > 0 else 0.0
    return np.clip((array - low) * scale, 0, 255).astype(np.uint8)
