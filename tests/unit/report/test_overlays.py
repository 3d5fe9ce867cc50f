"""Overlays: colours where they belong, one colour where nuclei are not known."""

import numpy as np
import pytest
from support.overlay_scene import make_scene

from nuclei.report.overlays import FALSE, FOUND, MISSED, draw


@pytest.fixture
def scene(tmp_path):
    """See support/overlay_scene.py."""
    return make_scene(tmp_path)


def coloured(picture, colour):
    """Centre (x, y) of the pixels of a colour below the legend and the panel's line, or None; and their number."""
    rows, columns = np.nonzero((picture[80:] == colour).all(axis=2))
    return (round(columns.mean()), round(rows.mean())) if len(rows) else None, len(rows)


def test_each_kind_has_its_colour_at_its_place(scene):
    picture = draw(*scene, side=640)
    # 64 px are drawn as 640 below a legend of 40, a border of 4 and a line of 34 px; coloured() starts at row 80
    for colour, (x, y) in ((FOUND, (13, 12)), (FALSE, (30, 50)), (MISSED, (50, 12))):
        (column, row), _ = coloured(picture, colour)
        assert column == pytest.approx(4 + 10 * x, abs=6)
        assert row == pytest.approx(10 * y - 2, abs=6)


def test_a_larger_image_is_drawn_at_the_same_width(scene):
    folder, content, rows = scene
    small = draw(folder, content, rows, side=32)
    assert small.shape[1] == 2 * (32 + 8)
    assert coloured(small, MISSED)[1] > 10


def test_without_known_nuclei_predictions_are_not_called_wrong(scene):
    folder, content, rows = scene
    picture = draw(folder, {**content, "annotations": []}, rows)
    assert coloured(picture, FALSE) == coloured(picture, MISSED) == (None, 0)
    assert coloured(picture, FOUND)[1] > 200
    assert not (picture[:40] == FALSE).all(axis=2).any()
