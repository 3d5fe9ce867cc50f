"""Clipping of polygons, against masks cut out of the image."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nuclei.data.polygons import exact_polygons
from nuclei.models.clipping import clip, reach, visible

CORNER = st.integers(-4, 14)


def rings_of(mask, x=0, y=0):
    return [np.array(polygon).reshape(-1, 2) - (x, y) for polygon in exact_polygons(mask)]


@settings(max_examples=500, deadline=None, derandomize=True)
@given(arrays(bool, (10, 10)), CORNER, CORNER, st.integers(1, 12), st.integers(1, 12))
def test_visible_equals_the_mask_cut_out(mask, x, y, width, height):
    whole = np.zeros((40, 40), bool)
    whole[12:22, 12:22] = mask
    part = whole[12 + y : 12 + y + height, 12 + x : 12 + x + width]
    rings, area, box = visible(rings_of(mask, x, y), height, width)
    rows, columns = np.nonzero(part)
    assert area == np.count_nonzero(part)
    wanted = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if len(rows) else [0, 0, 0, 0]
    assert box == wanted
    for ring in rings:
        assert ring.min() >= 0 and ring[:, 0].max() <= width and ring[:, 1].max() <= height


def test_a_ring_inside_comes_back_as_it_was():
    ring = np.array([[1.5, 1.0], [4.0, 1.0], [4.0, 3.25]])
    ((found,), area, box) = visible([ring], 5, 5)
    assert found is ring and area == 2.5 * 2.25 / 2 and box == [1.5, 1.0, 4.0, 3.25]


def test_edges_along_the_border_do_not_widen_the_box():
    # an arch over the image's upper border: two feet stand in the image, the rest lies outside
    arch = np.array([[0, 2], [0, -3], [9, -3], [9, 4], [7, 4], [7, -1], [2, -1], [2, 2]], float)
    _, area, box = visible([arch], 10, 10)
    assert area == 2 * 2 + 2 * 4 and box == [0, 0, 9, 4]
    # and one round the whole of it, touching from outside
    _, area, box = visible([arch + (0, 3)], 10, 2)
    assert area == 2 * 5 and box == [0, 0, 2, 5]


def test_a_slanted_edge_is_cut_where_it_crosses():
    triangle = np.array([[0, 0], [4, 0], [0, 8]], float)
    assert clip(triangle, 0, 0, 2).tolist() == [[0, 0], [2, 0], [2, 4], [0, 8]]
    assert reach(clip(triangle, 0, 1, 2), 1) == (0, 6)
