"""Tissue and glass on a drawn slide."""

import numpy as np
import pytest
from support.slides import tissue_image, write_slide

from nuclei.data.image_files import open_image_file
from nuclei.data.tissue import Tissue, tissue_of


def test_tissue_is_found_and_glass_is_not(tmp_path):
    image = tissue_image(600, 800)
    random = np.random.default_rng(0)
    noise = random.integers(-4, 5, image.shape)
    image[500, 700] = (0, 0, 255)  # a speck
    slide = open_image_file(write_slide(tmp_path / "a.tif", np.clip(image + noise, 0, 255).astype(np.uint8)))
    tissue = Tissue(slide, 15)
    assert tissue.within(0, 0, 100, 100)
    assert tissue.within(350, 250, 500, 400)
    assert not tissue.within(420, 320, 800, 600)
    assert not tissue.within(0, 310, 800, 600)
    assert tissue.mask.mean() < 0.3


def test_at_the_highest_difference_nothing_is_tissue(tmp_path):
    slide = open_image_file(write_slide(tmp_path / "a.tif", tissue_image(200, 200)))
    assert not Tissue(slide, 255).mask.any()


def fluorescence(channels):
    """RGB: bright discs in some channels on black, 200 x 300 px."""
    image = np.zeros((200, 300, 3), np.uint8)
    image[..., channels] = np.where(tissue_image(200, 300)[..., 1:2] < 100, 30, 2)
    return image


@pytest.mark.parametrize(
    ("image", "dark", "stained"),
    [
        (tissue_image(200, 300), False, True),
        (np.full((200, 300, 3), 240, np.uint8) - (0, 0, 1), False, True),  # glass alone
        (np.dstack([tissue_image(200, 300)[..., 1]] * 3), False, False),  # grey, as of a camera without colours
        (fluorescence([0, 1, 2]), True, False),
        (fluorescence([2]), True, False),
    ],
)
def test_grey_and_dark_slides_have_no_glass(tmp_path, image, dark, stained):
    slide = open_image_file(write_slide(tmp_path / "a.tif", image.astype(np.uint8)))
    assert (slide.is_dark, slide.is_stained) == (dark, stained)
    assert (tissue_of(slide, 15) is not None) is stained
    assert tissue_of(slide, 0) is None
