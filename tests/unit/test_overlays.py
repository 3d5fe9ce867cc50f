"""Overlays: matches as COCOeval makes them, colours where they belong, one colour where nuclei are not known."""

import json

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask
from test_scores import by_pycocotools, encode, random_case

from nuclei.common.stage import InputError
from nuclei.report.overlays import FALSE, FOUND, MISSED, draw, match


def square(left, top, size=64, side=12):
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return encode(mask) | {"size": [size, size]}


@pytest.fixture
def scene(tmp_path):
    """A grey image with two nuclei; one prediction finds the first, another lies where nothing is."""
    cv2.imwrite(str(tmp_path / "a.png"), np.full((64, 64, 3), 128, np.uint8))
    nuclei = [square(6, 6), square(44, 6)]
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 64}],
        "annotations": [
            {
                "id": at + 1,
                "image_id": 1,
                "category_id": 1,
                "iscrowd": 0,
                "area": 144,
                "bbox": coco_mask.toBbox(rle).tolist(),
                "segmentation": rle,
            }
            for at, rle in enumerate(nuclei)
        ],
        "categories": [{"id": 1, "name": "nucleus"}],
    }
    rows = [
        {"image_id": 1, "category_id": 1, "score": score, "bbox": [0, 0, 1, 1], "segmentation": rle}
        for score, rle in ((0.9, square(7, 6)), (0.8, square(24, 44)))
    ]
    return tmp_path, content, rows


def coloured(picture, colour):
    """Centre (x, y) of the pixels of a colour below the legend and the panel's line, or None; and their number."""
    rows, columns = np.nonzero((picture[80:] == colour).all(axis=2))
    return (round(columns.mean()), round(rows.mean())) if len(rows) else None, len(rows)


def test_each_kind_has_its_colour_at_its_place(scene):
    picture = draw(*scene, side=640)
    # 64 px are drawn as 640 below a legend of 40, a border of 4 and a line of 34 px; coloured() starts at row 80
    for colour, (x, y) in ((FOUND, (13, 12)), (FALSE, (30, 50)), (MISSED, (50, 12))):
        (column, row), _ = coloured(picture, colour)
        assert column == pytest.approx(4 + 10 * x, abs=6)
        assert row == pytest.approx(10 * y - 2, abs=6)


def test_a_larger_image_is_drawn_at_the_same_width(scene):
    folder, content, rows = scene
    small = draw(folder, content, rows, side=32)
    assert small.shape[1] == 2 * (32 + 8)
    assert coloured(small, MISSED)[1] > 10


def test_without_known_nuclei_predictions_are_not_called_wrong(scene):
    folder, content, rows = scene
    picture = draw(folder, {**content, "annotations": []}, rows)
    assert coloured(picture, FALSE) == coloured(picture, MISSED) == (None, 0)
    assert coloured(picture, FOUND)[1] > 200
    assert not (picture[:40] == FALSE).all(axis=2).any()


@pytest.mark.parametrize("seed", range(15))
def test_matches_give_the_recall_of_pycocotools(seed):
    """AP50 follows from which of the ranked predictions match: computed here from match(), it equals pycocotools'."""
    content, rows = random_case(seed, images=1)
    random = np.random.default_rng(seed)
    rows = [{**row, "score": float(value)} for row, value in zip(rows, random.permutation(len(rows)), strict=True)]
    if not rows or not content["annotations"]:
        pytest.skip("nothing to match")
    rows.sort(key=lambda row: -row["score"])
    truth = [row["segmentation"] for row in content["annotations"]]
    right, taken = match(truth, [row["segmentation"] for row in rows])
    assert right.sum() == taken.sum()
    precision = np.cumsum(right) / np.arange(1, len(rows) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    recall = np.cumsum(right) / len(truth)
    places = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    wanted = np.append(envelope, 0.0)[places].mean()
    assert by_pycocotools(content, rows)["ap50_100"] == pytest.approx(wanted, abs=1e-9)


def test_command_and_a_missing_image(stage, scene, tmp_path):
    folder, content, rows = scene
    (tmp_path / "truth.json").write_text(json.dumps(content))
    (tmp_path / "p.json").write_text(json.dumps(rows))
    command = ["--test-images", folder, "--ground-truth", tmp_path / "truth.json", "--predictions", tmp_path / "p.json"]
    outs = [tmp_path / "1.png", tmp_path / "2.png"]
    for out in outs:
        done = stage("draw_overlays", *command, "--out", out)
        assert done.returncode == 0, done.stderr
    assert outs[0].read_bytes() == outs[1].read_bytes()
    (folder / "a.png").unlink()
    with pytest.raises(InputError, match="a.png: not a readable image"):
        draw(folder, content, rows)
