"""Views and windows together: a detector whose right answer is known finds the same as in one look."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from scipy import ndimage

from nuclei.coco.rle import bounding_box, encode
from nuclei.prediction.fusion import distinct
from nuclei.prediction.instances import Nucleus, rles
from nuclei.prediction.many_looks import ManyLooks


class Bright(ManyLooks):
    """Finds the connected bright parts of an image, each surer the larger it is; counts its looks."""

    looks = 0

    def detect(self, image, scale=1.0):
        self.looks += 1
        labels, count = ndimage.label(image[:, :, 0])
        found = []
        for mask in (labels == number for number in range(1, count + 1)):
            left, top, right, bottom = bounding_box(mask)
            box = np.array([left, top, right, bottom], float)
            found.append(Nucleus(mask.sum() / 10_000, box, mask[top:bottom, left:right], left, top))
        return sorted(found, key=lambda nucleus: -nucleus.score)


def discs(height, width, seed=0):
    """Image of bright discs of 4 to 14 px radius that do not touch, some cut by the border."""
    random = np.random.default_rng(seed)
    image = np.zeros((height, width), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    for _ in range(200):
        x, y, radius = random.uniform(0, width), random.uniform(0, height), random.uniform(4, 14)
        distance = np.hypot(columns - x, rows - y)
        if not image[distance < radius + 2].any():
            image[distance < radius] = 255
    return np.repeat(image[:, :, None], 3, axis=2)


@pytest.mark.parametrize(
    "options", [{"views": 8}, {"window": 150, "overlap": 40}, {"views": 4, "window": 128, "overlap": 32}]
)
def test_views_and_windows_find_what_one_look_at_the_whole_finds(options):
    image = discs(330, 410)
    height, width = image.shape[:2]
    wanted, viewer = Bright(None, []).nuclei(image), Bright(None, [], **options)
    found = viewer.nuclei(image)
    assert len(wanted) > 60
    assert {code["counts"] for code in rles(found, height, width)} == {
        code["counts"] for code in rles(wanted, height, width)
    }
    assert len(found) == len(wanted)
    assert viewer.looks == viewer.passes(height, width)
    for nucleus, code in zip(found, rles(found, height, width), strict=True):
        x, y, w, h = coco_mask.toBbox(code)
        assert nucleus.box == pytest.approx([x, y, x + w, y + h])


def test_a_nucleus_wider_than_the_overlap_is_found_once():
    image = np.zeros((300, 300, 3), np.uint8)
    image[100:180, 60:240] = 255
    found = Bright(None, [], window=200, overlap=20).nuclei(image)
    assert sum(nucleus.mask.sum() for nucleus in found) <= 80 * 180
    assert len(found) == len(distinct(found, 300, 300)) == 1


def rescored(scores):
    """A Mask Scoring R-CNN that finds a ring and the hole in it, with these scores of their masks."""
    rows, columns = np.mgrid[:40, :40]
    hole = (np.abs(columns - 19.5) < 4) & (np.abs(rows - 19.5) < 4)
    ring = (np.abs(columns - 19.5) < 9) & (np.abs(rows - 19.5) < 9) & ~hole
    boxes = np.array([[11, 11, 29, 29, 0.9], [16, 16, 24, 24, 0.8]])
    return lambda **_: [([boxes], ([[ring, hole]], [np.array(scores)]))], ring, hole


@pytest.mark.parametrize("scores", [(-0.01, 0.5), (0.0, 0.5), (float("nan"), 0.5), (0.5, -0.5)])
def test_scores_that_are_not_above_0_have_no_vote(scores):
    model, ring, hole = rescored(scores)
    pipeline = [{"type": "Collect", "keys": ["img"], "meta_keys": ()}]
    found = ManyLooks(model, pipeline, views=2, soft=True).nuclei(np.zeros((40, 40, 3), np.uint8))
    assert len(found) == 1 and all(nucleus.score > 0 for nucleus in found)
    left = hole if scores[1] > 0 else ring
    masks = {code["counts"] for code in rles(found, 40, 40)}
    assert masks == {encode(left)["counts"]}


def test_no_nucleus_is_left_of_scores_that_are_all_0():
    model, _, _ = rescored((0.0, -0.0))
    pipeline = [{"type": "Collect", "keys": ["img"], "meta_keys": ()}]
    assert ManyLooks(model, pipeline, views=4, soft=True).nuclei(np.zeros((40, 40, 3), np.uint8)) == []


def test_only_the_border_of_the_image_lowers_scores_and_not_that_of_a_window():
    image = discs(200, 260)
    plain = {(n.x, n.y): n.score for n in Bright(None, []).nuclei(image)}
    found = Bright(None, [], window=120, overlap=40, border=0.8).nuclei(image)
    cut = [n.x == 0 or n.y == 0 or n.extent[2] == 260 or n.extent[3] == 200 for n in found]
    assert sum(cut) > 5 and len(found) - sum(cut) > 30
    for nucleus, lowered in zip(found, cut, strict=True):
        assert nucleus.score == pytest.approx(plain[nucleus.x, nucleus.y] * (0.8 if lowered else 1))
