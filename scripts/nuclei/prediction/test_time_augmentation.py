"""Test-time augmentation: the eight flipped and turned views of an image, and the way back from each view.

A detector that has learned from flipped images should find the same nuclei in each view. It errs in each view in other
places, so that the mean of all views (nuclei/prediction/fusion.py) is usually better than one view.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Kind = TypeVar("Kind", bound=np.generic)  # of the pixels


def turn(array: NDArray[Kind], view: int) -> NDArray[Kind]:
    """One view of an image or mask, height x width or height x width x channels.

    view: 0 to 7. The image is turned by 90 degrees counterclockwise view % 4 times, and from view 4 on then mirrored
    left to right. Returns an array that shares its memory with the image.

    >>> turn(np.array([[1, 2]]), 1).tolist(), turn(np.array([[1, 2]]), 4).tolist()
    ([[2], [1]], [[2, 1]])
    """
    turned = np.rot90(array, view % 4)
    return np.fliplr(turned) if view >= 4 else turned


def turn_back(array: NDArray[Kind], view: int) -> NDArray[Kind]:
    """Undo `turn`: from an array in the coordinates of the view to one in those of the image."""
    return np.rot90(np.fliplr(array) if view >= 4 else array, -(view % 4))


def box_back(box: Sequence[float] | NDArray[Any], view: int, height: int, width: int) -> NDArray[Any]:
    """A box of a view, in the coordinates of the image that `turn` made the view from.

    box: [left, top, right, bottom], px, x right, y down, pixel edges at integers. height, width: of the image, px.
    """
    left, top, right, bottom = box
    high, wide = (width, height) if view % 2 else (height, width)
    if view >= 4:
        left, right = wide - right, wide - left
    for _ in range(view % 4):  # a quarter turn clockwise takes (x, y) to (high - y, x)
        left, top, right, bottom = high - bottom, left, high - top, right
        high, wide = wide, high
    return np.array([left, top, right, bottom])
