"""Overlays: colours where they belong, one colour where nuclei are not known."""

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask
from support.overlay_scene import make_scene
from support.score_cases import encode

from nuclei.report import overlays
from nuclei.report.overlays import FALSE, FOUND, LEGEND, MISSED, draw, outlines, panel


@pytest.fixture
def scene(tmp_path):
    """See support/overlay_scene.py."""
    return make_scene(tmp_path)


def coloured(picture, colour):
    """Centre (x, y) of the pixels of a colour below the legend and the panel's line, or None; and their number."""
    rows, columns = np.nonzero((picture[LEGEND + 40 :] == colour).all(axis=2))
    return (round(columns.mean()), round(rows.mean())) if len(rows) else None, len(rows)


def test_each_kind_has_its_colour_at_its_place(scene):
    picture = draw(*scene, side=640)
    # 64 px are drawn as 640 below the legend, a border of 4 and a line of 34 px; coloured() starts 40 px below it
    for colour, (x, y) in ((FOUND, (13, 12)), (FALSE, (30, 50)), (MISSED, (50, 12))):
        (column, row), _ = coloured(picture, colour)
        assert column == pytest.approx(4 + 10 * x, abs=6)
        assert row == pytest.approx(10 * y - 2, abs=6)


def test_a_larger_image_is_drawn_at_the_same_width(scene):
    folder, content, rows = scene
    small = draw(folder, content, rows, side=32)
    assert small.shape[1] == 2 * (32 + 8)
    assert coloured(small, MISSED)[1] > 10


def test_long_names_leave_place_for_the_counts():
    image = np.zeros((20, 640, 3), np.uint8)
    line = panel(image, "0b0d577159f0d6c266f360f7b8dfde46e16fa665138bf577ec3c6f9c70c0cd1e", [], [], 640)[4:38]
    written = np.flatnonzero((line < 128).any(axis=(0, 2)))
    assert 200 < written.max() < 600
    assert np.array_equal(line, panel(image, "0b0d577159f0d6...3c6f9c70c0cd1e", [], [], 640)[4:38])


def test_without_known_nuclei_predictions_are_not_called_wrong(scene):
    folder, content, rows = scene
    picture = draw(folder, {**content, "annotations": []}, rows)
    assert coloured(picture, FALSE) == coloured(picture, MISSED) == (None, 0)
    assert coloured(picture, FOUND)[1] > 200
    assert not (picture[:LEGEND] == FALSE).all(axis=2).any()


@pytest.fixture
def facts(monkeypatch):
    """Second lines of the legends that are drawn."""
    lines = []
    legend = overlays.legend
    monkeypatch.setattr(
        overlays, "legend", lambda width, scored, text: lines.append(text) or legend(width, scored, text)
    )
    return lines


def test_from_a_threshold_on_less_sure_predictions_are_not_drawn(scene, facts):
    assert coloured(draw(*scene), FALSE)[1] > 100
    assert coloured(draw(*scene, threshold=0.8), FALSE)[1] > 100  # a prediction of this very score counts
    above = draw(*scene, threshold=0.85)
    assert coloured(above, FALSE) == (None, 0)
    assert coloured(above, FOUND)[1] > 100
    assert facts == [
        "the 100 surest predictions of each image; 1 of 1 test images",
        "predictions of score 0.800 or more; 1 of 1 test images",
        "predictions of score 0.850 or more; 1 of 1 test images",
    ]


def test_a_threshold_has_no_cap(scene, monkeypatch):
    folder, content, rows = scene
    drawn = []
    monkeypatch.setattr(overlays, "panel", lambda image, name, truth, found, side: drawn.append(found) or image)
    many = [{**rows[1], "score": 0.6 + at / 1000} for at in range(150)]
    for threshold in (None, 0.61):
        draw(folder, content, many, threshold)
    assert [len(found) for found in drawn] == [100, 140]
    assert drawn[1][0] == many[-1]["segmentation"]


def test_the_legend_says_how_many_images_are_not_shown(scene, facts):
    folder, content, rows = scene
    more = [{**content["images"][0], "id": number} for number in range(1, 8)]
    picture = draw(folder, {**content, "images": more}, rows)
    assert facts == ["the 100 surest predictions of each image; 4 of 7 test images"]
    assert (picture[40:LEGEND] < 128).any() and not (picture[40:LEGEND, 700:] < 128).any()


def test_a_dark_image_is_brightened_and_the_legend_says_so(scene, facts):
    folder, content, rows = scene
    image = np.full((64, 64, 3), 10, np.uint8)
    image[30:34, 30:34] = 60
    cv2.imwrite(str(folder / "a.png"), image)
    picture = draw(folder, content, rows, side=640)
    left, top = 4, LEGEND + 4 + 34
    assert picture[top + 320, left + 320].min() >= 254
    assert picture[top + 600, left + 20].tolist() == [0] * 3
    assert facts == ["the 100 surest predictions of each image; 1 of 1 test images; dark images are brightened"]


def whole_outlines(image, segmentations, colour):
    """The same drawing by way of whole masks, which takes time and memory for the whole image per nucleus."""
    for segmentation in segmentations:
        mask = cv2.resize(coco_mask.decode(segmentation), image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, contours, -1, colour, 2 if image.shape[1] >= 2 * segmentation["size"][1] else 1)


@pytest.mark.parametrize("seed", range(40))
def test_nuclei_are_drawn_by_parts_as_by_whole_masks(seed):
    random = np.random.default_rng(seed)
    height, width, drawn_height, drawn_width = random.integers(1, 200, 4)
    masks = [np.zeros((height, width), bool), np.ones((height, width), bool)]
    for _ in range(8):
        left, top, side = random.integers(0, width), random.integers(0, height), random.integers(1, 60)
        mask = np.zeros((height, width), bool)
        place = mask[top : top + side, left : left + side]
        place[:] = random.random(place.shape) < random.choice([0.5, 0.9, 1])  # ragged, with holes, of several parts
        masks.append(mask)
    codes = [encode(mask) | {"size": [int(height), int(width)]} for mask in masks]
    by_parts, by_masks = (np.zeros((drawn_height, drawn_width, 3), np.uint8) for _ in range(2))
    for place, code in enumerate(codes, 1):
        outlines(by_parts, [code], (place, 0, 0))
        whole_outlines(by_masks, [code], (place, 0, 0))
    assert np.array_equal(by_parts, by_masks) and by_parts.any()


def test_a_nucleus_of_a_large_image_costs_no_whole_image(monkeypatch):
    size = 30_000
    code = coco_mask.merge(coco_mask.frPyObjects([[29_000.0, 5, 29_040, 5, 29_040, 60, 29_000, 60]], size, size))
    monkeypatch.setattr("pycocotools.mask.decode", lambda *_: pytest.fail("a whole mask"))
    picture = np.zeros((640, 640, 3), np.uint8)
    outlines(picture, [{"size": [size, size], "counts": code["counts"].decode()}], FOUND)
    shown = set(zip(*np.nonzero(picture[..., 0]), strict=True))
    assert shown == {(1, 619)}  # the pixel (46, 29015), as each that is drawn stands for 46.875 of them
