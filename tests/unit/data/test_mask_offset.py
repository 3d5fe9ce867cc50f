"""The offset of tissue from its masks is found where it is known: drawn images, moved."""

import cv2
import numpy as np
import pytest

from nuclei.data.mask_offset import offset, peak
from nuclei.models.augmentation import MoveImage


@pytest.fixture(scope="module")
def pairs(training_images):
    """(image, masks of all nuclei together) of each training image."""
    found = []
    for image in training_images:
        masks = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 0 for path in image.masks]
        found.append((cv2.imread(str(image.file)), np.any(masks, 0)))
    return found


@pytest.mark.parametrize("moved", [(0, 0), (0.5, 0.5), (-1, 2), (1.5, -0.5)])
def test_a_known_offset_is_measured(pairs, moved):
    found = [offset(MoveImage([-moved[0], -moved[1]])({"img": image})["img"], masks) for image, masks in pairs]
    assert np.median(found, 0) == pytest.approx(moved, abs=0.15)


def test_an_offset_out_of_reach_is_none():
    assert peak([3.0, 2.0, 1.0]) is None
