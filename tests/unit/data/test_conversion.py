"""Masks -> COCO: the exact converter loses nothing, the imantics one equals imantics itself."""

import imantics
import numpy as np
import pytest
from support.true_masks import true_masks

from nuclei.coco.rle import encode
from nuclei.data.conversion import convert
from nuclei.data.conversion_loss import round_trip_iou
from nuclei.data.raw_layout import read_layout


@pytest.mark.parametrize("form", ["rle", "polygon"])
def test_exact_gives_back_every_mask(training_images, form):
    content = convert(training_images, "exact", form)
    masks = true_masks(training_images)
    assert len(content["annotations"]) == len(masks)
    for row in content["annotations"]:
        mask = masks[row["image_id"], row["mask"]]
        assert round_trip_iou(encode(mask), row["segmentation"]) == 1.0
        rows, columns = np.nonzero(mask)
        x, y = columns.min(), rows.min()
        assert row["bbox"] == [x, y, columns.max() - x + 1, rows.max() - y + 1]
        assert row["area"] == len(rows)


def test_ids_do_not_depend_on_the_threads(training_images):
    assert convert(training_images, "exact", "rle", threads=1) == convert(training_images, "exact", "rle", threads=2)


def test_imantics_equals_imantics_on_the_whole_mask(training_images):
    content = convert(training_images, "imantics")
    kept = {(row["image_id"], row["mask"]): row for row in content["annotations"]}
    for key, mask in true_masks(training_images).items():
        whole = imantics.Mask(mask)
        polygons = [polygon.tolist() for polygon in whole.polygons().polygons if len(polygon) >= 6]
        if not polygons:
            assert key not in kept
            continue
        assert kept[key]["segmentation"] == polygons
        x0, y0, x1, y1 = whole.bbox().bbox()
        assert kept[key]["bbox"] == [x0, y0, x1 - x0, y1 - y0]
        assert kept[key]["area"] == mask.sum()


def test_imantics_is_the_same_twice_in_one_process(training_images):
    assert convert(training_images, "imantics") == convert(training_images, "imantics")


def test_every_nucleus_is_an_annotation_or_listed(training_images):
    content = convert(training_images, "imantics")
    dropped = [row for row in content["info"]["dropped"] if row["nucleus_dropped"]]
    assert len(content["annotations"]) + len(dropped) == len(true_masks(training_images))
    assert {(row["image"], row["reason"]) for row in dropped} == {
        ("DEMO-02", "the nucleus removed: polygon of 2 points, 3 wanted")
    }


def test_test_images_without_masks_have_no_annotations(drawn):
    found, _, _ = read_layout(drawn / "dataset")
    content = convert([image for image in found if image.set == "test"], "exact")
    assert content["annotations"] == []
    assert [(row["id"], row["file_name"]) for row in content["images"]] == [(1, "DEMO-04.png"), (2, "DEMO-05.png")]
