"""The images that models are measured on: the two with the most nuclei.

They are drawn by the project, 1000 px a side, or are training images of a raw data set in the project's own layout,
where the environment variable NUCLEI_GPU_DATA names its folder (the one with `train` and `test` in it).
"""

import json
import os
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import find_objects

from nuclei.common.classes import CLASSES
from nuclei.data.conversion import convert
from nuclei.data.drawing import paint, place_nuclei
from nuclei.data.polygons import exact_polygons
from nuclei.data.raw_layout import read_layout

VARIABLE = "NUCLEI_GPU_DATA"
SIDE, TILES = 250, 4  # px of a drawn tile, tiles along a side of an image: as large as the real ones
CROWD = 115  # nuclei of a tile; the fullest real image has 116 on as many pixels
SMALL_SIDE, SMALL_CROWD = 128, 30


def drawn(random, small):
    """(image, labels): uint8 (side, side, 3), and int32 (side, side) with the number of the nucleus at each pixel.

    A large one is made of tiles, since the time of drawing grows with the square of the pixels.
    """
    side, crowd, tiles = (SMALL_SIDE, SMALL_CROWD, 1) if small else (SIDE, CROWD, TILES)
    image, labels = np.zeros((tiles * side, tiles * side, 3), np.uint8), np.zeros((tiles * side,) * 2, np.int32)
    for y in range(0, tiles * side, side):
        for x in range(0, tiles * side, side):
            part, tissue = place_nuclei(random, side, crowd)
            place = slice(y, y + side), slice(x, x + side)
            image[place] = paint(random, part, tissue)
            labels[place] = np.where(part, part + labels.max(), 0)
    return image, labels


def annotated(labels, number, first):
    """COCO annotations of an image, with ids from `first` on. number: of the image."""
    rows = []
    for label, place in enumerate(find_objects(labels), 1):
        part = labels[place] == label
        top, left = place[0].start, place[1].start
        row = {"bbox": [left, top, part.shape[1], part.shape[0]], "area": int(part.sum()), "iscrowd": 0}
        row |= {"segmentation": exact_polygons(part, left, top), "category_id": 1}
        rows.append({**row, "image_id": number, "id": first + len(rows)})
    return rows


def draw_content(folder, small):
    """COCO content of two drawn images, which are written to `folder`."""
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": CLASSES[0]}]}
    for number in (1, 2):
        image, labels = drawn(np.random.default_rng([7, number]), small)
        cv2.imwrite(str(folder / f"{number}.png"), image)
        height, width = labels.shape
        content["images"].append({"id": number, "file_name": f"{number}.png", "height": height, "width": width})
        content["annotations"] += annotated(labels, number, len(content["annotations"]) + 1)
    return content


def make_paths(folder, small):
    """Paths of the two images, as nuclei.models.resolve takes them. small: they are drawn, 128 px a side."""
    real = os.environ.get(VARIABLE)
    if real and not small:
        images, _, problems = read_layout(Path(real))
        assert not problems, problems
        images = sorted((i for i in images if i.set == "train"), key=lambda i: -len(i.masks))[:2]
        content = convert(images, "exact", "polygon", len(os.sched_getaffinity(0)))
        place = Path(real) / "train"
    else:
        content, place = draw_content(folder, small), folder
    (folder / "images.json").write_text(json.dumps(content))
    return dict.fromkeys(("train", "val", "test"), {"annotations": str(folder / "images.json"), "images": str(place)})
