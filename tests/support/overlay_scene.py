"""A grey image with two nuclei and two predictions, of which one is right."""

import cv2
import numpy as np
from pycocotools import mask as coco_mask
from support.score_cases import encode


def square(left, top, size=64, side=12):
    """RLE of a square in an image of size x size px."""
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return encode(mask) | {"size": [size, size]}


def make_scene(folder):
    """(folder, COCO content, COCO results): one prediction finds the first nucleus, another lies where nothing is."""
    cv2.imwrite(str(folder / "a.png"), np.full((64, 64, 3), 128, np.uint8))
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
    return folder, content, rows
