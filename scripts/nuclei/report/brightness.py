"""Images brightened for the eye, where they are dark; no score and no model sees them so.

An image is dark if 99.9 % of its values lie below DARK. Its values are then stretched by the rule of
nuclei.common.contrast. An image whose values hardly differ (by less than LEAST) stays as it is, since that would show
its noise alone.
"""

import numpy as np
from numpy.typing import NDArray

from nuclei.common.contrast import SHARES, stretched

DARK, LEAST = 128, 16  # of 255


def brightened(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], bool]:
    """(the image as it is shown, whether it was dark). image: height x width x channels, 0 to 255.

    >>> picture, dark = brightened(np.array([[[10], [35], [60]]], np.uint8))
    >>> picture.ravel().tolist(), dark
    ([0, 127, 255], True)
    """
    low, high = np.percentile(image, SHARES)
    dark = bool(high < DARK and high - low >= LEAST)
    return (stretched(image) if dark else image), dark
