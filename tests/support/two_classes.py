"""Drawn images of two classes, purple discs and brown bars, as COCO JSON whose ids are not those of the run."""

import json

import cv2
import numpy as np

CLASSES = ["long one", "ronde é"]  # as a config orders them: category ids 1 and 2
NUMBERS = {"ronde é": 9, "long one": 4}  # category ids of the file
COLOURS = {"ronde é": (120, 40, 110), "long one": (40, 80, 140)}  # blue, green, red
FIELD = 32  # px; each nucleus lies in a field of its own


def outline(name, random):
    """Corners (x, y) of a nucleus around (0, 0), px: int, n x 2."""
    if name == "ronde é":
        return cv2.ellipse2Poly((0, 0), (int(random.integers(7, 10)),) * 2, 0, 0, 360, 15)
    half = np.array([int(random.integers(11, 14)), int(random.integers(3, 5))])[:: int(random.choice([-1, 1]))]
    return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half


def write_images(folder, count=6, fields=3, seed=0):
    """Write so many images and annotations.json; returns {image: {class: number of nuclei}}."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    content = {
        "images": [],
        "annotations": [],
        "categories": [{"id": number, "name": name} for name, number in NUMBERS.items()],
    }
    counts = {}
    for number in range(count):
        image = random.normal(225, 6, (fields * FIELD, fields * FIELD, 3)).clip(0, 255).astype(np.uint8)
        name = f"tissue {number}"
        content["images"].append({"id": 70 - number, "file_name": f"{name}.png", "width": 96, "height": 96})
        counts[name] = dict.fromkeys(CLASSES, 0)
        for field in random.permutation(fields**2)[: fields**2 - 1]:
            kind = str(random.choice(CLASSES))
            centre = np.array([field % fields, field // fields]) * FIELD + FIELD // 2 + random.integers(-2, 3, 2)
            points = outline(kind, random) + centre
            cv2.fillPoly(image, [points.astype(np.int32)], COLOURS[kind])
            row = {"id": len(content["annotations"]) + 5, "image_id": 70 - number, "category_id": NUMBERS[kind]}
            content["annotations"].append(row | {"segmentation": [points.ravel().tolist()], "iscrowd": 0})
            counts[name][kind] += 1
        assert cv2.imwrite(str(folder / f"{name}.png"), image)
    (folder / "annotations.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return counts
