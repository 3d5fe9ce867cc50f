"""The project's own augmentation, against numpy's transpose; the name that every config.py knows it by."""

import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from mmdet.core import BitmapMasks, PolygonMasks
from mmdet.datasets.builder import PIPELINES

from nuclei.coco.rle import bounding_box
from nuclei.data.polygons import exact_polygons
from nuclei.models.augmentation import MoveImage, QuarterTurn, StainJitter, StretchContrast, VisibleInstances


def sample(form):
    """An image of 20 x 30 px with two nuclei, as mmdet's pipeline holds it, and their bitmaps."""
    random = np.random.default_rng(3)
    masks = np.zeros((2, 20, 30), bool)
    masks[0, 2:9, 4:20] = True
    masks[0, 2:4, 4:7] = False
    masks[1, 12:15, 1:29] = True
    boxes = np.array([bounding_box(mask) for mask in masks], np.float32)
    shapes = [[np.array(part, float) for part in exact_polygons(mask, 0, 0)] for mask in masks]
    held = PolygonMasks(shapes, 20, 30) if form == "polygons" else BitmapMasks(masks.astype(np.uint8), 20, 30)
    image = random.integers(0, 255, (20, 30, 3), np.uint8)
    return {"img": image, "img_shape": image.shape, "gt_bboxes": boxes, "gt_masks": held}, masks


@pytest.mark.parametrize("form", ["polygons", "bitmaps"])
def test_quarter_turns_move_image_boxes_and_masks_alike(form):
    np.random.seed(0)
    turned = 0
    for _ in range(400):
        results, masks = sample(form)
        image = results["img"].copy()
        found = QuarterTurn()(results)
        if found["img"].shape == (30, 20, 3):
            turned += 1
            image, masks = image.transpose(1, 0, 2), masks.transpose(0, 2, 1)
        assert np.array_equal(found["img"], image) and found["img_shape"] == image.shape
        assert np.array_equal(found["gt_masks"].to_ndarray(), masks)
        assert found["gt_bboxes"].tolist() == [list(map(float, bounding_box(mask))) for mask in masks]
        assert (found["gt_masks"].height, found["gt_masks"].width) == image.shape[:2]
    assert 160 < turned < 240


def test_an_image_is_moved_by_its_offset_and_nothing_else_is():
    results, masks = sample("bitmaps")
    image, boxes = results["img"].copy(), results["gt_bboxes"].copy()
    found = MoveImage([2, 1])(results)
    assert np.array_equal(found["img"][:-1, :-2], image[1:, 2:])  # tissue at (x + 2, y + 1) comes to (x, y)
    assert np.array_equal(found["gt_masks"].to_ndarray(), masks) and np.array_equal(found["gt_bboxes"], boxes)
    assert found["img_shape"] == image.shape


def test_half_a_pixel_is_interpolated():
    ramp = np.repeat(np.arange(0, 200, 5, dtype=np.uint8)[None, :, None], 16, 0).repeat(3, 2)
    found = MoveImage([0.5, 0])({"img": ramp})["img"]
    assert np.abs(found[:, 4:-4].astype(float) - (ramp[:, 4:-4] + 2.5)).max() <= 1


def test_stains_are_changed_by_factors_and_shifts_of_their_own():
    """Against the law of Beer and Lambert, pixel by pixel and stain by stain."""
    image = np.random.default_rng(0).integers(1, 256, (6, 7, 3)).astype(np.uint8)
    np.random.seed(4)
    found = StainJitter(0.2)({"img": image.copy()})["img"]
    np.random.seed(4)
    factor, shift = np.random.uniform(0.8, 1.2, 3), np.random.uniform(-0.2, 0.2, 3)
    stains = {"hematoxylin": (0.65, 0.70, 0.29), "eosin": (0.07, 0.99, 0.11), "rest": (0.27, 0.57, 0.78)}
    for before, after in zip(image.reshape(-1, 3), found.reshape(-1, 3), strict=True):
        amounts = np.linalg.solve(np.transpose(list(stains.values())), -np.log10(before[::-1] / 255))
        light = np.ones(3)
        for k, colour in enumerate(stains.values()):
            light *= 10 ** -(np.array(colour) * (amounts[k] * factor[k] + shift[k]))
        assert np.abs(after[::-1] - (255 * light).clip(0, 255)).max() < 0.51
    assert found.dtype == np.uint8 and found.flags["C_CONTIGUOUS"] and (found != image).mean() > 0.9


def test_without_a_change_stains_give_the_same_image():
    image = np.random.default_rng(1).integers(1, 256, (9, 9, 3)).astype(np.uint8)
    assert np.array_equal(StainJitter(0)({"img": image.copy()})["img"], image)


def test_dark_and_light_images_are_stretched_alike():
    image = np.random.default_rng(1).integers(0, 200, (40, 40, 3)).astype(np.uint8)
    dark = (image // 8 + 3).astype(np.float32)  # of the same tissue: 0 to 24 of 255
    light, found = (StretchContrast()({"img": one})["img"] for one in (image // 8 * 8 + 24, dark))
    assert found.dtype == np.uint8 and np.array_equal(found, light) and (found.min(), found.max()) == (0, 255)
    assert StretchContrast(1000)({"img": dark})["img"].max() == 6  # 24 of 1000 grey values, of 255


@pytest.mark.parametrize("form", ["polygons", "bitmaps"])
def test_nuclei_at_the_border_are_ignored(form):
    def seen(**options):
        results, masks = sample(form)
        masks = np.concatenate([masks, np.zeros((2, 20, 30), bool)])
        masks[2, 5:11, 24:30] = True  # reaches the right border
        masks[3, 16:20, 10:13] = True  # the lower one
        shapes = [[np.array(part, float) for part in exact_polygons(mask, 0, 0)] for mask in masks]
        polygons = form == "polygons"
        held = PolygonMasks(shapes, 20, 30) if polygons else BitmapMasks(masks.astype(np.uint8), 20, 30)
        results |= {"gt_masks": held, "gt_bboxes": np.array([bounding_box(mask) for mask in masks], np.float32)}
        results |= {"gt_labels": np.arange(4), "gt_bboxes_ignore": np.array([[1, 2, 3, 4]], np.float32)}
        return VisibleInstances(**options)(results)

    everything, found = seen(), seen(ignore_cut=True)
    assert everything["gt_labels"].tolist() == [0, 1, 2, 3] and everything["gt_bboxes_ignore"].tolist() == [
        [1, 2, 3, 4]
    ]
    assert found["gt_labels"].tolist() == [0, 1] and len(found["gt_masks"]) == 2
    assert found["gt_bboxes"].tolist() == [[4, 2, 20, 9], [1, 12, 29, 15]]
    assert found["gt_bboxes_ignore"].tolist() == [[1, 2, 3, 4], [24, 5, 30, 11], [10, 16, 13, 20]]


def test_configs_know_the_steps_by_a_name_that_stays():
    import nuclei.augmentation as kept

    assert (kept.MoveImage, kept.QuarterTurn) == (MoveImage, QuarterTurn)
    assert PIPELINES.get("MoveImage") is MoveImage and PIPELINES.get("QuarterTurn") is QuarterTurn


READ = """
import sys
from mmcv import Config
from mmdet.datasets.builder import PIPELINES
for path in sys.argv[1:]:
    config = Config.fromfile(path)  # imports what custom_imports names, or fails
    steps = [step["type"] for part in (config.data.val, config.data.test) for step in part.pipeline]
    train = config.data.train
    while "dataset" in train:
        train = train.dataset
    steps += [step["type"] for step in train.pipeline]
    own = {"MoveImage", "QuarterTurn"}.intersection(steps)
    assert own and all(PIPELINES.get(name) for name in steps), path
    print(path, *config.custom_imports.imports, *sorted(own))
"""


def test_committed_configs_find_their_steps():
    """In a new process, in which nothing of the project is imported yet."""
    configs = [
        path for path in sorted(ROOT.glob("results/*/cells/**/config.py")) if "custom_imports" in path.read_text()
    ]
    assert len(configs) >= 9
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ, *map(str, configs)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in found] == [str(path) for path in configs]
    assert {line[1] for line in found} == {"nuclei.augmentation"}
