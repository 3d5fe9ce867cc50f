"""Lossless polygons: pycocotools, which did not make them, must give back every mask."""

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mmdet.core import PolygonMasks
from mmdet.datasets.pipelines import LoadAnnotations
from pycocotools import mask as coco_mask

from nuclei.data.polygons import exact_polygons, outer_ring, rings, signed_area


def rasterised(segmentation, height, width):
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))).astype(bool)


def same(mask):
    return np.array_equal(rasterised(exact_polygons(mask), *mask.shape), mask)


@settings(max_examples=400, deadline=None)
@given(hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))).filter(np.any))
def test_any_mask_comes_back(mask):
    assert same(mask)


@settings(max_examples=400, deadline=None)
@given(hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))).filter(np.any))
def test_outer_ring_is_the_largest_ring(mask):
    part = cv2.connectedComponents(mask.view(np.uint8), connectivity=4)[1] == 1
    assert outer_ring(part) == max(rings(part), key=signed_area)


@pytest.mark.parametrize("seed", range(10))
def test_large_blobs_with_holes_come_back(seed):
    noise = np.random.default_rng(seed).random((90, 110))
    for _ in range(3):
        noise = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1) + np.roll(noise, -1, 0)) / 4
    mask = noise > np.median(noise)
    assert same(mask)


@pytest.mark.parametrize(
    "rows",
    [
        "#",
        "##",
        "#\n#",
        "#.\n.#",
        "###\n#.#\n###",
        "#####\n#.#.#\n##.##\n#####",
        "#.#\n.#.\n#.#",
        "####\n#..#\n#.##\n###.",
    ],
)
def test_small_shapes(rows):
    assert same(np.array([[char == "#" for char in row] for row in rows.split("\n")]))


def test_coordinates_run_along_pixel_edges():
    mask = np.zeros((4, 5), bool)
    mask[1:3, 2:4] = True
    (polygon,) = exact_polygons(mask)
    assert sorted(zip(polygon[::2], polygon[1::2], strict=True)) == [(2, 1), (2, 3), (4, 1), (4, 3)]


def test_a_polygon_for_each_part():
    mask = np.array([[1, 0, 1], [0, 1, 0]], bool)
    assert len(exact_polygons(mask)) == 3


def test_offset_moves_all_points():
    mask = np.array([[1, 1], [1, 0]], bool)
    plain, moved = exact_polygons(mask)[0], exact_polygons(mask, 10, 20)[0]
    assert [b - a for a, b in zip(plain, moved, strict=True)] == [10, 20] * (len(plain) // 2)


def test_ring_areas_add_up():
    mask = np.ones((6, 6), bool)
    mask[2:4, 2:4] = False
    assert sorted(map(signed_area, rings(mask))) == [-4, 36]


def test_mmdet_resizes_polygons_without_moving_them():
    """A mask's centre stays where it is, as read from a file and resized by mmdet, at any factor."""
    mask = np.zeros((60, 60), bool)
    mask[20:40, 14:46] = True
    (part,) = json.loads(json.dumps(exact_polygons(mask)))
    held = LoadAnnotations(with_mask=True, poly2mask=False).process_polygons([part])
    for side in (41, 50, 77):
        found = PolygonMasks([held], 60, 60).resize((side, side)).masks[0][0].reshape(-1, 2)
        middle = (found.min(0) + found.max(0)) / 2 * 60 / side
        assert middle.tolist() == pytest.approx([30, 30])
