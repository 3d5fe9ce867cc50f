"""Which images are brightened, in overlays and on the page; the values are the rule's own."""

import base64

import cv2
import numpy as np
import pytest

from nuclei.common.contrast import stretched
from nuclei.report.brightness import brightened
from nuclei.report.pictures import pictures


def image(low, high):
    """An image of two values, each on half of it."""
    found = np.full((20, 20, 3), low, np.uint8)
    found[10:] = high
    return found


@pytest.mark.parametrize(
    ("low", "high", "dark"),
    [
        (10, 60, True),
        (0, 127, True),
        (0, 128, False),
        (100, 115, False),
        (100, 116, True),
        (30, 30, False),
        (60, 240, False),
    ],
)
def test_only_dark_images_with_contrast_are_brightened(low, high, dark):
    found, said = brightened(image(low, high))
    assert said == dark
    assert np.array_equal(found, stretched(image(low, high)) if dark else image(low, high))
    assert (found.min(), found.max() > 253) == ((0, True) if dark else (low, False))


def test_one_bright_speck_leaves_an_image_dark():
    random = np.random.default_rng(3)
    dim = random.integers(5, 70, (200, 200, 3)).astype(np.uint8)
    dim[0, :10] = 255  # 30 of 120,000 values
    found, said = brightened(dim)
    assert said
    assert np.array_equal(found, stretched(dim))
    assert np.median(found) == pytest.approx(255 * (np.median(dim) - 5) / (69 - 5), abs=3)


def test_the_pages_pictures_are_brightened_by_the_same_rule(tmp_path):
    content = []
    for number, (low, high) in enumerate([(10, 60), (10, 200)], 1):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image(low, high))
        content.append({"id": number, "file_name": f"{number}.png", "width": 20, "height": 20})
    found = pictures(tmp_path, content)
    assert [one["dark"] for one in found] == [True, False]
    shown = [cv2.imdecode(np.frombuffer(base64.b64decode(one["url"].partition(",")[2]), np.uint8), 1) for one in found]
    for picture, (low, high) in zip(shown, [(0, 255), (10, 200)], strict=True):
        assert picture[:6].mean() == pytest.approx(low, abs=4)
        assert picture[-4:].mean() == pytest.approx(high, abs=4)
