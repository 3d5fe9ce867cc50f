"""Ensembles: predictions of several cells fused, against a plain fusion of whole masks."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from support.squares import IMAGES, square

from nuclei.prediction.ensembles import fuse_predictions


def places(rows):
    """{(image, left, top): score} of results."""
    return {(row["image_id"], *(round(at, 3) for at in row["bbox"][:2])): round(row["score"], 6) for row in rows}


def test_members_that_agree_gain_over_one_alone():
    first = [square(0.8, 10, 10), square(0.7, 40, 40), square(0.5, 10, 10, image=2)]
    second = [square(0.4, 12, 10), square(0.6, 10, 40)]
    found = fuse_predictions([first, second], IMAGES)
    # IoU of the two near (10, 10): 80 / 120; the mean box leans to the surer: (0.8 x 10 + 0.4 x 12) / 1.2
    assert places(found) == {(1, 10.667, 10): 0.6, (1, 40, 40): 0.35, (1, 10, 40): 0.3, (2, 10, 10): 0.25}
    assert [row["image_id"] for row in found] == [1, 1, 1, 2]


def test_outlines_in_dispute_fall_by_soft_nms():
    # one member sees a large nucleus where the other sees a part of it: IoU 100 / 400
    first, second = [square(0.9, 10, 10, side=20)], [square(0.8, 20, 10), square(0.8, 40, 40)]
    assert places(fuse_predictions([first, second], IMAGES)) == {(1, 10, 10): 0.45, (1, 20, 10): 0.4, (1, 40, 40): 0.4}
    found = places(fuse_predictions([first, second], IMAGES, soft=True))
    # 0.45 (1 - 0.25 x 0.4), 0.4 (1 - 0.25 x 0.45)
    assert found == {(1, 10, 10): 0.405, (1, 20, 10): 0.355, (1, 40, 40): 0.4}


def plain_fusion(members):
    """Mean score and mean mask of groups of whole masks, each member's surest first; the groups' first masks rule."""
    groups = []
    for rows in members:
        taken = set()
        for row in sorted(rows, key=lambda row: -row["score"]):
            mask = coco_mask.decode(row["segmentation"]).astype(bool)
            ious = [
                (mask & group[0][1]).sum() / (mask | group[0][1]).sum() if n not in taken else -1
                for n, group in enumerate(groups)
            ]
            best = int(np.argmax(ious)) if ious else -1
            if ious and ious[best] >= 0.5:
                taken.add(best)
                groups[best].append((row["score"], mask))
            else:
                taken.add(len(groups))
                groups.append([(row["score"], mask)])
    fused = []
    for group in groups:
        total = sum(score for score, _ in group)
        mask = sum(score * mask for score, mask in group) >= total / 2
        fused.append((round(total / len(members), 9), mask.tobytes()))
    return sorted(fused)


@pytest.mark.parametrize("seed", range(5))
def test_fusion_equals_one_of_whole_masks(seed):
    random = np.random.default_rng(seed)

    def member():
        return [
            square(*random.uniform(0.1, 1, 1), *random.integers(0, 48, 2), random.integers(8, 14)) for _ in range(25)
        ]

    members = [json.loads(json.dumps(member(), default=int)) for _ in range(3)]
    found = [
        (round(row["score"], 9), coco_mask.decode(row["segmentation"]).astype(bool).tobytes())
        for row in fuse_predictions(members, IMAGES[:1])
    ]
    assert sorted(found) == plain_fusion(members)
