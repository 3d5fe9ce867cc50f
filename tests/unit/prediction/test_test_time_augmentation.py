"""The eight views of an image, and the way back."""

import numpy as np
import pytest

from nuclei.coco.rle import bounding_box
from nuclei.prediction.test_time_augmentation import box_back, turn, turn_back


@pytest.mark.parametrize("view", range(8))
def test_views_turn_back(view):
    image = np.random.default_rng(view).random((5, 9, 3))
    assert np.array_equal(turn_back(turn(image, view), view), image)
    mask = np.zeros((5, 9), bool)
    mask[1:3, 2:7] = True
    assert box_back(bounding_box(turn(mask, view)), view, 5, 9).tolist() == [2, 1, 7, 3]


def test_views_are_the_eight_of_a_square():
    image = np.arange(9).reshape(3, 3)
    assert len({turn(image, view).tobytes() for view in range(8)}) == 8
