"""Outlines: valid after rounding, equal to their masks, and lossless on the way there and back."""

import json

import cv2
import numpy as np
import pytest
import shapely
from skimage.draw import polygon2mask

from nuclei.coco.rle import bounding_box
from nuclei.data.polygons import exact_polygons
from nuclei.export.outlines import geometries, outline
from nuclei.formats.geojson import nuclei as read_nuclei
from nuclei.prediction.instances import Nucleus


def masks(count, seed=0, side=12):
    """Random masks, from noise, which has holes, islands and pixels that meet at a corner, to full squares."""
    random = np.random.default_rng(seed)
    found = [random.random((side, side)) < share for share in random.choice([0.3, 0.6, 0.9, 1], count)]
    return [mask for mask in found if mask.any()]


def ellipses(count, seed=0):
    """Masks of nuclei of 30 px and more, each cut to its bounding box, with a hole in each fifth."""
    random, found = np.random.default_rng(seed), []
    for at in range(count):
        picture = np.zeros((40, 40), np.uint8)
        axes, angle = (int(random.integers(4, 16)), int(random.integers(3, 12))), int(random.integers(180))
        cv2.ellipse(picture, (20, 20), axes, angle, 0, 360, 1, -1)
        if at % 5 == 0:
            picture[19:21, 19:22] = 0
        left, top, right, bottom = bounding_box(picture > 0)
        found.append(picture[top:bottom, left:right] > 0)
    return [mask for mask in found if mask.sum() >= 30]


def filled(geometry, shape):
    """The mask of a GeoJSON geometry by scikit-image: pixels whose middle lies inside."""
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    mask = np.zeros(shape, bool)
    for outer, *holes in polygons:
        part = polygon2mask(shape, np.array(outer)[:, ::-1] - 0.5)
        for hole in holes:
            part &= ~polygon2mask(shape, np.array(hole)[:, ::-1] - 0.5)
        mask |= part
    return mask


def test_outlines_of_hostile_masks_are_valid_and_cover_just_the_pixels():
    y, x = np.mgrid[:12, :12] + 0.5
    for mask in masks(300):
        area = outline(mask, 5, 7)
        assert shapely.is_valid(area), shapely.is_valid_reason(area)
        assert area.area == mask.sum()
        assert np.array_equal(shapely.contains_xy(area, x + 5, y + 7), mask)


def test_a_ring_a_corner_and_an_island():
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    area = outline(ring)
    assert (area.geom_type, len(area.interiors), area.bounds) == ("Polygon", 1, (0, 0, 3, 3))
    corner = outline(np.eye(2, dtype=bool))
    assert (corner.geom_type, len(corner.geoms), corner.area) == ("MultiPolygon", 2, 2)
    pixel = outline(np.ones((1, 1), bool), 3, 4)
    assert pixel.equals(shapely.box(3, 4, 4, 5))


def test_geojson_of_many_is_that_of_each_and_stays_valid_as_text():
    small = masks(150, seed=1, side=5)  # some of which are one ring that touches itself
    nuclei = [Nucleus(1, None, mask, 100 + at, 50) for at, mask in enumerate(masks(100, seed=1) + small)]
    for downsample in (1.0, 4.0037):
        found = json.loads(json.dumps(geometries(nuclei, downsample)))
        for nucleus, geometry in zip(nuclei, found, strict=True):
            area = shapely.geometry.shape(geometry)
            assert shapely.is_valid(area), shapely.is_valid_reason(area)
            assert area.equals(outline(nucleus.mask, nucleus.x, nucleus.y, downsample))
            assert area.area == pytest.approx(nucleus.mask.sum() * downsample**2, rel=0.01)
            parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
            assert all(ring[0] == ring[-1] for part in parts for ring in part)  # shapely would close an open one
            corners = shapely.get_coordinates(area)
            assert np.array_equal(corners, np.round(corners, 2))


def test_there_and_back_keeps_every_nucleus():
    nuclei = [Nucleus(1, None, mask, 3, 2) for mask in ellipses(100)]
    for downsample in (1.0, 4.0037):
        first = geometries(nuclei, downsample)
        again = [filled(shrunk(geometry, downsample), (60, 60)) for geometry in first]
        second = geometries([Nucleus(1, None, mask, 0, 0) for mask in again], downsample)
        for one, two in zip(first, second, strict=True):
            a, b = shapely.geometry.shape(one), shapely.geometry.shape(two)
            assert a.intersection(b).area / a.union(b).area > 0.99


def test_the_reader_of_this_project_gives_every_nucleus_back(tmp_path):
    wanted = [Nucleus(1, None, mask, 40 * (at % 10), 40 * (at // 10)) for at, mask in enumerate(ellipses(100))]
    assert len(wanted) > 60
    rows = [{"type": "Feature", "geometry": one, "properties": {}} for one in geometries(wanted)]
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
    found, notes = read_nuclei(tmp_path / "a.geojson", 400, 400)
    assert notes == []
    for one, two in zip(wanted, found, strict=True):
        assert (one.x, one.y) == (two.left, two.top)
        assert np.array_equal(one.mask, two.part)
    again = geometries([Nucleus(1, None, nucleus.part, nucleus.left, nucleus.top) for nucleus in found])
    for one, two in zip(rows, again, strict=True):
        a, b = shapely.geometry.shape(one["geometry"]), shapely.geometry.shape(two)
        assert a.intersection(b).area / a.union(b).area > 0.99


def shrunk(geometry, downsample):
    """A geometry in px of the level that was looked at."""
    area = shapely.transform(shapely.geometry.shape(geometry), lambda corners: corners / downsample)
    return json.loads(shapely.to_geojson(area))


def test_outlines_are_those_of_the_polygons_of_annotations():
    for mask in ellipses(20, seed=2):
        polygons = exact_polygons(mask)
        if len(polygons) == 1 and not outline(mask).interiors:
            assert outline(mask).equals(shapely.Polygon(np.reshape(polygons[0], (-1, 2))))
