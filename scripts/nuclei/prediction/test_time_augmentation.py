"""Test-time augmentation: the eight flipped and turned views of an image, and the way back."""

import numpy as np


def turn(array, view):
    """View 0 to 7 of an image (height x width [x channels]): turned by 90 degrees view % 4 times, from 4 on mirrored.

    >>> turn(np.array([[1, 2]]), 1).tolist(), turn(np.array([[1, 2]]), 4).tolist()
    ([[2], [1]], [[2, 1]])
    """
    turned = np.rot90(array, view % 4)
    return np.fliplr(turned) if view >= 4 else turned


def turn_back(array, view):
    """Undo `turn`."""
    return np.rot90(np.fliplr(array) if view >= 4 else array, -(view % 4))


def box_back(box, view, height, width):
    """Box [left, top, right, bottom] of a view, in the image that it was turned from (height x width)."""
    left, top, right, bottom = box
    high, wide = (width, height) if view % 2 else (height, width)
    if view >= 4:
        left, right = wide - right, wide - left
    for _ in range(view % 4):  # a quarter turn clockwise: (x, y) -> (high - y, x)
        left, top, right, bottom = high - bottom, left, high - top, right
        high, wide = wide, high
    return np.array([left, top, right, bottom])
