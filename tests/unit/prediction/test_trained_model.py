"""How the zoom of new images is fitted to that of a model, and when that is worth a warning."""

from pathlib import Path

import numpy as np
import pytest

from nuclei.data.image_files import OrdinaryImage
from nuclei.prediction.trained_model import TrainedModel, finer, seen, zoom_warning

FOUND = "a.png: {} µm per px found, the model's training images have 0.25; the image is "


@pytest.mark.parametrize(
    ("own", "given", "model", "more", "words"),
    [
        (
            0.5,
            None,
            0.25,
            2,
            f"{FOUND.format(0.5)}enlarged 2 times",
        ),
        (
            None,
            0.1,
            0.25,
            0.4,
            f"{FOUND.format(0.1)}reduced 2.5 times",
        ),
        (0.5, 9, 0.42, 0.5 / 0.42, None),
        (0.21, None, 0.25, 0.84, None),
        (0.2, None, 0.25, 0.8, "a.png: 0.2 µm per px found"),
        (None, None, 0.25, 1, None),
        (0.5, None, None, 1, None),
    ],
)
def test_pixel_sizes_that_differ_by_more_than_a_fifth_are_a_warning(own, given, model, more, words):
    image = OrdinaryImage(Path("a.png"), np.zeros((4, 4, 3), np.uint8), own)
    trained = TrainedModel("m", Path(), Path(), "", 1.0, 256, model, {}, None)
    assert finer(trained, image, given) == pytest.approx(more)
    found = zoom_warning(trained, image, given)
    assert found is None if words is None else found.startswith(words)


@pytest.mark.parametrize(
    ("sizes", "window", "wanted"),
    [
        ([(338, 338), (1000, 1000), (520, 696)], 256, (416 / 256, 256)),  # as the tiles of the training
        ([(338, 338), (1000, 1000), (520, 696)], None, (416 / 696, 696)),
        ([(200, 100), (300, 200), (180, 90)], 256, (416 / 200, 200)),  # most images are smaller than a window
    ],
)
def test_a_model_is_shown_the_windows_of_its_run(sizes, window, wanted):
    config = {"data": {"test": {"pipeline": [{"type": "MultiScaleFlipAug", "img_scale": (416, 416)}]}}}
    assert seen(config, [{"width": width, "height": height} for width, height in sizes], window) == wanted
