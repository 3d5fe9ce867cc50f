"""Rows of windows joined one after the other give what non-maximum suppression of the whole image gives."""

import math

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from nuclei.prediction.fusion import distinct
from nuclei.prediction.instances import Nucleus, rles
from nuclei.prediction.joining import join_rows, mask_iou

HEIGHT, WIDTH = 400, 120


def crowd(seed, count=400):
    """Random nuclei of which many overlap by more than half, also in chains from row to row; equal scores occur."""
    random, found = np.random.default_rng(seed), []
    for _ in range(count):
        if found and random.random() < 0.7:  # a nucleus that was reported before, seen a little elsewhere
            one = found[random.integers(len(found))]
            x = int(np.clip(one.x + random.integers(-1, 2), 0, WIDTH - one.mask.shape[1]))
            y = int(np.clip(one.y + random.integers(-7, 8), 0, HEIGHT - one.mask.shape[0]))
            found.append(Nucleus(float(random.integers(1, 40)) / 40, one.box, one.mask, x, y))
            continue
        high, wide = random.integers(3, 40), random.integers(3, 12)
        mask = random.random((high, wide)) < 0.9
        mask[0, 0] = mask[-1, -1] = mask[0, -1] = True
        place = int(random.integers(WIDTH - wide)), int(random.integers(HEIGHT - high))
        found.append(Nucleus(float(random.integers(1, 40)) / 40, np.zeros(4), mask, *place))
    return found


def in_rows(nuclei, edges):
    """The nuclei as rows of windows would report them: each in the last row that starts above its upper edge."""
    for at, edge in enumerate(edges):
        following = edges[at + 1] if at + 1 < len(edges) else math.inf
        yield [nucleus for nucleus in nuclei if edge <= nucleus.y < following], following


@pytest.mark.parametrize("seed", range(4))
def test_joined_rows_are_the_suppression_of_the_whole(seed):
    nuclei = sorted(crowd(seed), key=lambda nucleus: nucleus.y)
    wanted = distinct(nuclei, HEIGHT, WIDTH)
    assert len(wanted) < 0.8 * len(nuclei)
    for edges in ([0], [0, 50, 51, 120, 300], list(range(0, HEIGHT, 7))):
        batches = list(join_rows(in_rows(nuclei, edges)))
        found = [nucleus for batch in batches for nucleus in batch]
        assert len(found) == len(set(map(id, found)))
        assert set(map(id, found)) == set(map(id, wanted))
        for batch in batches:
            assert [n.score for n in batch] == sorted((n.score for n in batch), reverse=True)


def test_what_is_far_above_does_not_wait():
    nuclei = sorted(crowd(7), key=lambda nucleus: nucleus.y)
    early = next(join_rows(in_rows(nuclei, [0, 200])))
    assert len(early) > 50
    assert max(nucleus.extent[3] for nucleus in early) <= 200


def test_iou_is_that_of_pycocotools():
    nuclei = crowd(3, 60)
    wanted = coco_mask.iou(*[rles(nuclei, HEIGHT, WIDTH)] * 2, [0] * 60)
    found = [[mask_iou(one, other) for other in nuclei] for one in nuclei]
    assert np.array(found) == pytest.approx(wanted)


def test_no_nuclei():
    assert list(join_rows([([], 10), ([], math.inf)])) == []
