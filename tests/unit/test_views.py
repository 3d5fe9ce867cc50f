"""Views, windows and their fusion: geometry against brute force, and a detector whose right answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from scipy import ndimage

from nuclei.coco.rle import bounding_box, encode, encode_part
from nuclei.prediction.fusion import distinct, fuse, soft_nms
from nuclei.prediction.instances import Nucleus, rles
from nuclei.prediction.many_looks import ManyLooks
from nuclei.prediction.sliding_window import windows
from nuclei.prediction.test_time_augmentation import box_back, turn, turn_back

SHAPES = st.tuples(
    st.integers(1, 9), st.integers(1, 9), st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**32 - 1)
)


@given(SHAPES, st.sampled_from([0.0, 0.2, 0.5, 1.0]))
def test_rle_of_a_part_equals_pycocotools_of_the_whole(shape, share):
    height, width, below, right, seed = shape
    part = np.random.default_rng(seed).random((height, width)) < share
    whole = np.zeros((height + 1 + below, width + 2 + right), bool)
    whole[1 : 1 + height, 2 : 2 + width] = part
    assert encode_part(part, 2, 1, whole.shape[::-1]) == encode(whole)
    assert encode_part(part, 0, 0, part.shape[::-1]) == encode(part)


@pytest.mark.parametrize("view", range(8))
def test_views_turn_back(view):
    image = np.random.default_rng(view).random((5, 9, 3))
    assert np.array_equal(turn_back(turn(image, view), view), image)
    mask = np.zeros((5, 9), bool)
    mask[1:3, 2:7] = True
    assert box_back(bounding_box(turn(mask, view)), view, 5, 9).tolist() == [2, 1, 7, 3]


def test_views_are_the_eight_of_a_square():
    image = np.arange(9).reshape(3, 3)
    assert len({turn(image, view).tobytes() for view in range(8)}) == 8


@given(st.integers(1, 4000), st.integers(64, 1000), st.integers(0, 63))
def test_windows_cover_with_at_least_their_overlap_and_cores_part_the_side(length, size, overlap):
    found = windows(length, size, overlap)
    assert (found[0][0], found[-1][1]) == (0, length)
    assert all(b[0] <= a[1] - overlap for a, b in zip(found, found[1:], strict=False))
    assert [a[3] for a in found[:-1]] == [b[2] for b in found[1:]]
    assert (found[0][2], found[-1][3]) == (0, length)
    assert all(edge <= left < right <= end for edge, end, left, right in found)
    assert all(end - edge == min(size, length) for edge, end, _, _ in found)


def square(score, x, y, side=10):
    return Nucleus(score, np.array([x, y, x + side, y + side], float), np.ones((side, side), bool), x, y)


def test_fusion_is_the_mean_of_what_views_agree_on():
    # IoU of squares of 10 px, 2 px apart: 80 / 120; 6 px apart: 40 / 160
    found = fuse([[square(0.8, 10, 10)], [square(0.4, 12, 10), square(0.3, 50, 50)], [square(0.6, 16, 10)]], 90, 90)
    assert [round(nucleus.score, 6) for nucleus in found] == [0.4, 0.2, 0.1]  # 1.2 / 3, 0.6 / 3, 0.3 / 3
    assert found[0].box == pytest.approx([10 + 2 / 3, 10, 20 + 2 / 3, 20])
    assert (found[0].x, found[0].mask.shape) == (10, (10, 10))  # two thirds of the votes are the first view's
    assert [nucleus.x for nucleus in found[1:]] == [16, 50]


def test_a_view_gives_a_nucleus_one_detection():
    found = fuse([[square(0.9, 10, 10)], [square(0.8, 10, 10), square(0.5, 11, 10)]], 50, 50)
    assert [round(nucleus.score, 6) for nucleus in found] == [0.85, 0.25]


def test_one_view_stays_as_it_is():
    nuclei = [square(0.9, 10, 10), square(0.8, 11, 10)]
    for before, after in zip(nuclei, fuse([nuclei], 50, 50), strict=True):
        assert (before.score, before.x, before.y) == (after.score, after.x, after.y)
        assert np.array_equal(before.mask, after.mask) and np.array_equal(before.box, after.box)


def test_distinct_keeps_the_surer_of_two():
    nuclei = [square(0.5, 10, 10), square(0.9, 12, 10), square(0.7, 17, 10)]
    assert [nucleus.score for nucleus in distinct(nuclei, 50, 50)] == [0.9, 0.7]


def test_soft_nms_doubts_both_of_two_that_overlap():
    # IoU of squares of 10 px, 6 px apart: 40 / 160; 5 px: 50 / 150
    found = soft_nms([square(0.9, 10, 10), square(0.8, 16, 10), square(0.7, 60, 60), square(0.1, 21, 10)], 90, 90)
    by_place = {nucleus.x: nucleus.score for nucleus in found}
    assert by_place == pytest.approx({10: 0.9 * 0.8, 16: 0.8 * 0.775, 60: 0.7, 21: 0.1 * (1 - 0.8 / 3)})
    assert [nucleus.x for nucleus in found] == [10, 60, 16, 21]
    assert soft_nms([], 90, 90) == []


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
