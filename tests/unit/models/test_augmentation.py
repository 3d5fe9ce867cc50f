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
from nuclei.models.augmentation import MoveImage, QuarterTurn


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
