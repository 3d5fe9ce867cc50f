"""The author's published submissions, and ground truths to score them against."""

import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import SHARED
from pycocotools import mask as coco_mask
from support.score_cases import encode

from nuclei.coco.checks import check_ground_truth

needs_submissions = pytest.mark.skipif(
    not (SHARED / "submissions").is_dir() or not (SHARED / "vrdl-test-masks.tar.xz").is_file(),
    reason="the author's submissions and the real test masks do not lie in ../shared/data",
)


# AP at IoU 0.50:0.95 with 100 detections an image, found by pycocotools for the same files
AP_100 = {
    "23101": 0.1124,
    "23062": 0.1166,
    "230972": 0.1145,
    "229814": 0.1197,
    "232631": 0.1229,
    "231727": 0.1116,
    "232346": 0.1312,
    "242839": 0.1465,
    "244363": 0.1448,
    "2439": 0.1416,
    "242032": 0.1393,
}


# test_img_ids.json of the real data
TEST_IDS = {
    "TCGA-A7-A13E-01Z-00-DX1": 1,
    "TCGA-50-5931-01Z-00-DX1": 2,
    "TCGA-G2-A2EK-01A-02-TSB": 3,
    "TCGA-AY-A8YK-01A-01-TS1": 4,
    "TCGA-G9-6336-01Z-00-DX1": 5,
    "TCGA-G9-6348-01Z-00-DX1": 6,
}


def ground_truth(masks):
    """COCO ground truth of (image id, file name, mask) triples."""
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "nucleus"}]}
    for image_id, name, mask in masks:
        if image_id not in [image["id"] for image in content["images"]]:
            height, width = mask.shape
            content["images"].append({"id": image_id, "file_name": name, "height": height, "width": width})
        rle = encode(mask)
        content["annotations"].append(
            {
                "id": len(content["annotations"]) + 1,
                "image_id": image_id,
                "category_id": 1,
                "iscrowd": 0,
                "area": int(coco_mask.area(rle)),
                "bbox": coco_mask.toBbox(rle).tolist(),
                "segmentation": rle | {"size": list(mask.shape)},
            }
        )
    return content


def read_real_truth():
    """The real test masks as COCO, read here without the project's own converter."""
    masks = []
    with tarfile.open(SHARED / "vrdl-test-masks.tar.xz") as archive:
        for member in archive:
            path = Path(member.name)
            if path.suffix == ".png" and path.parts[1] in TEST_IDS:
                data = np.frombuffer(archive.extractfile(member).read(), np.uint8)
                # transposed and turned back: an RLE runs down the columns, so this is the fast way
                columns = cv2.transpose(cv2.imdecode(data, cv2.IMREAD_UNCHANGED) & 1)
                masks.append((TEST_IDS[path.parts[1]], f"{path.parts[1]}.png", columns.T))
    content = ground_truth(masks)
    assert (len(content["images"]), len(content["annotations"])) == (6, 2360)
    check_ground_truth(content)
    return content
