"""What each converter loses, on drawn data by value and on the real data by the known numbers."""

import numpy as np
import pytest
from conftest import needs_real_data
from pycocotools import mask as coco_mask
from support.true_masks import true_masks

from nuclei.coco.rle import encode
from nuclei.data.conversion import convert
from nuclei.data.conversion_loss import compare, compare_image, round_trip_iou, shape_of
from nuclei.data.masks import read_mask
from nuclei.data.raw_layout import read_layout


def test_loss_of_both_converters(training_images):
    result = compare(
        training_images, [convert(training_images, "imantics"), convert(training_images, "exact", "polygon")], threads=2
    )
    exact, loose = result["converters"]["exact"], result["converters"]["imantics"]
    assert exact["exact"] == exact["nuclei"] == exact["annotations"]
    assert exact["iou_mean"] == exact["iou_5_percent"] == 1.0
    assert loose["nuclei_dropped"] == 1
    # half a pixel is missing on every side of a nucleus of about 13 px
    assert 0.6 < loose["iou_5_percent"] < loose["iou_median"] < 0.95
    masks = true_masks(training_images)
    ious = []
    for row in convert(training_images, "imantics")["annotations"]:
        rle = coco_mask.merge(coco_mask.frPyObjects(row["segmentation"], 128, 128))
        found, truth = coco_mask.decode(rle).astype(bool), masks[row["image_id"], row["mask"]]
        ious.append((found & truth).sum() / (found | truth).sum())
    assert loose["iou_mean"] == pytest.approx(np.mean(ious), abs=1e-12)
    assert (result["with_holes"], result["with_parts"]) == (1, 1)


@pytest.mark.parametrize(("method", "form"), [("imantics", "polygon"), ("exact", "polygon"), ("exact", "rle")])
def test_each_nucleus_by_its_part_is_as_by_its_whole_mask(training_images, method, form):
    image = training_images[0]
    rows = {row["mask"]: row["segmentation"] for row in convert([image], method, form)["annotations"]}
    found = compare_image(image, {method: {(image.number, name): value for name, value in rows.items()}})
    for path, row in zip(image.masks, found, strict=True):
        mask = read_mask(path)
        iou = round_trip_iou(encode(mask), rows[path.name]) if path.name in rows else None
        parts, holes = shape_of(mask)
        assert row == {"parts": parts, "holes": holes, method: iou}


def test_parts_and_holes():
    mask = np.zeros((9, 12), bool)
    mask[1:6, 1:6] = True
    mask[3, 3] = False
    mask[6, 6] = True  # joined by a corner: the same part
    mask[8, 9] = True
    assert shape_of(mask) == (2, 1)


@needs_real_data
def test_both_converters_on_one_image(real):
    images, _, _ = read_layout(real / "dataset")
    (image,) = [image for image in images if image.id == "TCGA-18-5592-01Z-00-DX1"]
    result = compare([image], [convert([image], "exact", "polygon"), convert([image], "imantics")])
    exact, loose = result["converters"]["exact"], result["converters"]["imantics"]
    assert exact["exact"] == exact["nuclei"] == len(image.masks)
    assert loose["annotations"] + loose["nuclei_dropped"] == len(image.masks)
    assert loose["iou_mean"] == pytest.approx(0.901, abs=0.002)  # large nuclei: half a pixel matters less


@needs_real_data
@pytest.mark.slow
def test_all_nuclei_in_both_converters(real):
    images = [image for image in read_layout(real / "dataset")[0] if image.set == "train"]
    contents = [convert(images, "exact", "polygon", threads=2), convert(images, "imantics", threads=2)]
    result = compare(images, contents, threads=2)
    exact, loose = result["converters"]["exact"], result["converters"]["imantics"]
    print(result)
    assert len(contents[0]["annotations"]) == exact["exact"] == 14598
    assert exact["iou_5_percent"] == 1.0
    assert loose["annotations"] + loose["nuclei_dropped"] == 14598
    assert loose["iou_mean"] == pytest.approx(0.846, abs=0.002)
    assert loose["share_below_0.9"] == pytest.approx(0.79, abs=0.01)
    assert result["with_parts"] == 32
    assert result["with_holes"] == 68
