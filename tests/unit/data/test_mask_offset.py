"""The offset of tissue from its masks is found where it is known: drawn images, moved."""

import cv2
import numpy as np
import pytest

from nuclei.data.conversion import convert
from nuclei.data.mask_offset import offset, peak
from nuclei.data.raw_layout import read_layout
from nuclei.models.augmentation import MoveImage


@pytest.fixture(scope="module")
def training(drawn):
    """(image, masks of all nuclei together) of each training image; COCO content of them all."""
    images = [image for image in read_layout(drawn / "dataset", drawn / "test_masks")[0] if image.set == "train"]
    content = convert(images, "exact", "rle")
    pairs = []
    for image in images:
        masks = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 0 for path in image.masks]
        pairs.append((cv2.imread(str(image.file)), np.any(masks, 0)))
    return pairs, content


@pytest.mark.parametrize("moved", [(0, 0), (0.5, 0.5), (-1, 2), (1.5, -0.5)])
def test_a_known_offset_is_measured(training, moved):
    found = [offset(MoveImage([-moved[0], -moved[1]])({"img": image})["img"], masks) for image, masks in training[0]]
    assert np.median(found, 0) == pytest.approx(moved, abs=0.15)


def test_an_offset_out_of_reach_is_none():
    assert peak([3.0, 2.0, 1.0]) is None
