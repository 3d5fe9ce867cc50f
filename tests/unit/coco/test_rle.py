"""Run-length codes: a part's code is that of the whole mask, and comes back as it went."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nuclei.coco.rle import bounding_box, decode_part, encode, encode_part, run_lengths

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


@settings(max_examples=400, deadline=None)
@given(hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))).filter(np.any))
def test_the_rle_of_a_part_is_that_of_the_whole(mask):
    left, top, right, bottom = bounding_box(mask)
    part = mask[top:bottom, left:right]
    assert encode_part(part, left, top, mask.shape[::-1]) == encode(mask)
    found = decode_part(encode(mask))
    assert np.array_equal(found[0], part) and found[1:] == (left, top)


@pytest.mark.parametrize("side", [40, 700, 5000])
def test_long_runs_come_back(side):
    mask = np.zeros((side, side), bool)
    random = np.random.default_rng(side)
    for _ in range(4):
        x, y = random.integers(0, side - 20, 2)
        mask[y : y + 13, x : x + 17] |= random.random((13, 17)) < 0.7
    mask[-1, -1] = True
    left, top, right, bottom = bounding_box(mask)
    part, *corner = decode_part(encode(mask))
    assert np.array_equal(part, mask[top:bottom, left:right]) and corner == [left, top]
    assert sum(run_lengths(encode(mask)["counts"])) == side * side


def test_bounding_box_is_exclusive():
    mask = np.zeros((5, 7), bool)
    mask[1:3, 2:6] = True
    assert bounding_box(mask) == (2, 1, 6, 3)
