"""Images that mmdet leaves out of a training are named."""

import json

import pytest
from mmdet.datasets import build_dataset

from nuclei.training.left_out import left_out

NUCLEUS = {"category_id": 1, "iscrowd": 0, "area": 16, "bbox": [1, 1, 4, 4], "segmentation": [[1, 1, 5, 1, 5, 5, 1, 5]]}


@pytest.mark.parametrize("wrapped", [False, True])
def test_every_image_without_part_in_the_training_is_named(tmp_path, wrapped):
    sizes = {"good": (64, 32), "small": (31, 64), "empty": (64, 64), "lost": (64, 64)}
    images = [
        {"id": number, "file_name": f"{name}/images/{name}.png", "width": width, "height": height}
        for number, (name, (width, height)) in enumerate(sizes.items(), 1)
    ]
    content = {
        "images": images,
        "annotations": [{**NUCLEUS, "id": number, "image_id": number} for number in (1, 2)],
        "categories": [{"id": 1, "name": "nucleus"}],
        "info": {"dropped": [{"image": "lost", "mask": "a.png", "nucleus_dropped": True, "reason": "polygon"}]},
    }
    (tmp_path / "train.json").write_text(json.dumps(content))
    own = {"type": "CocoDataset", "ann_file": str(tmp_path / "train.json"), "classes": ("nucleus",), "pipeline": []}
    dataset = build_dataset({"type": "RepeatDataset", "times": 2, "dataset": own} if wrapped else own)
    assert list(left_out(dataset)) == [
        "small/images/small.png takes no part in the training: 31x64 px, wanted 32 px a side at least",
        "empty/images/empty.png takes no part in the training: no nucleus in it",
        "lost/images/lost.png takes no part in the training: the converter dropped its nuclei; "
        "conversion.method exact drops none",
    ]
