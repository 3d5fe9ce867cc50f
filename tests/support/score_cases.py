"""Random cases of nuclei and predictions, with ties among the scores."""

import numpy as np
from pycocotools import mask as coco_mask

SIDE = 40


def encode(mask):
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(s) for s in rle["size"]], "counts": rle["counts"].decode()}


def disk(random, at=None):
    x, y = at if at is not None else random.uniform(0, SIDE, 2)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    mask = (columns - x) ** 2 + (rows - y) ** 2 <= random.uniform(1.5, 5) ** 2
    return mask if mask.any() else disk(random)


def random_case(seed, images=3, most=12):
    """A ground truth and predictions near some of its nuclei, with ties among the scores."""
    random = np.random.default_rng(seed)
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "nucleus"}]}
    rows = []
    for number in range(1, images + 1):
        content["images"].append({"id": number, "file_name": f"{number}.png", "width": SIDE, "height": SIDE})
        for _ in range(random.integers(0, most)):
            at = random.uniform(3, SIDE - 3, 2)
            rle = encode(disk(random, at))
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "iscrowd": 0,
                    "area": int(coco_mask.area(rle)),
                    "bbox": coco_mask.toBbox(rle).tolist(),
                    "segmentation": rle,
                }
            )
            for _ in range(random.integers(0, 3)):
                rows.append((number, encode(disk(random, at + random.normal(0, 1, 2)))))
        rows += [(number, encode(disk(random))) for _ in range(random.integers(0, 4))]
    predictions = [
        {
            "image_id": n,
            "category_id": 1,
            "score": float(random.integers(1, 12)) / 12,
            "segmentation": rle,
            "bbox": [0, 0, 1, 1],
        }
        for n, rle in rows
    ]
    return content, predictions
