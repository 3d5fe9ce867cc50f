"""Measurements of nuclei, against scikit-image."""

import numpy as np
import pytest
from skimage.color import rgb2hed
from skimage.measure import regionprops

from nuclei.common.stains import density, stains
from nuclei.export.measurements import COLUMNS, measure, perimeter, with_units
from nuclei.prediction.instances import Nucleus

HEIGHT, WIDTH = 80, 90


@pytest.fixture(scope="module")
def image():
    """Random colours, of which none is 0: there this project and scikit-image set other floors."""
    return np.random.default_rng(0).integers(1, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def test_stains_are_those_of_scikit_image_without_its_floor(image):
    # it divides the logarithm by that of 1e-6 and takes 0 for what is negative
    wanted = rgb2hed(image[..., ::-1]) * -np.log10(1e-6)
    assert np.maximum(stains(density(image)), 0) == pytest.approx(wanted, abs=1e-9)
    assert np.isfinite(density(np.zeros((1, 1, 3), np.uint8))).all()


def test_measurements_are_those_of_regionprops(image):
    random, wanted_stains = np.random.default_rng(1), stains(density(image))
    for _ in range(100):
        high, wide = random.integers(1, 14, 2)
        mask = random.random((high, wide)) < random.choice([0.5, 0.9, 1])
        mask[0, 0] = True
        x, y = int(random.integers(WIDTH - wide)), int(random.integers(HEIGHT - high))
        labels = np.zeros((HEIGHT, WIDTH), int)
        labels[y : y + high, x : x + wide] = mask
        (wanted,) = regionprops(labels, wanted_stains)
        found = dict(zip(COLUMNS, measure(Nucleus(0.5, None, mask, x, y), image).row, strict=True))
        assert found["area_px"] == wanted.area
        # its pixels have their middle at whole numbers, and its axes are y and x
        assert [found["y"] - 0.5, found["x"] - 0.5] == pytest.approx(wanted.centroid)
        assert found["perimeter_px"] == pytest.approx(wanted.perimeter)
        assert found["eccentricity"] == pytest.approx(wanted.eccentricity, abs=1e-6)
        means = [found[name] for name in ("hematoxylin_od", "eosin_od", "dab_od")]
        assert means == pytest.approx(wanted.intensity_mean.tolist(), abs=1e-5)
        assert found["score"] == 0.5


def test_a_part_of_an_image_gives_what_the_whole_gives(image):
    nucleus = Nucleus(0.5, None, np.ones((5, 4), bool), 30, 40)
    whole = measure(nucleus, image)
    assert measure(nucleus, image[35:60, 25:50], 25, 35).row == pytest.approx(whole.row)


def test_units():
    row = [10.0, 20.0, 100.0, 30.0, 0.5, 0.1, 0.2, 0.3, 0.9]
    plain = with_units(row, 1, None)
    assert list(plain) == list(COLUMNS)
    grey = with_units(row, 1, None, stained=False)
    assert list(grey) == ["x", "y", "area_px", "perimeter_px", "eccentricity", "score"]
    assert grey == {name: plain[name] for name in grey}
    slide = with_units(row, 4, 1.0)  # 0.25 µm at the finest level
    assert (slide["x"], slide["y"], slide["x_um"], slide["y_um"]) == (40, 80, 10, 20)
    half = with_units(row, 1, 0.5)
    assert (half["area_um2"], half["perimeter_um"], half["area_px"]) == (25, 15, 100)


def test_perimeter_of_squares():
    assert perimeter(np.ones((5, 5), bool)) == 16
    assert perimeter(np.ones((1, 1), bool)) == 0
