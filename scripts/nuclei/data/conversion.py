"""Masks to COCO annotations, by one of two converters.

exact: lossless. RLE, or polygons along pixel edges (nuclei/data/polygons.py).
imantics: the report's way, by imantics' Mask, Image, Category and Dataset. Its geometry is kept as the report trained
on it (polygons through pixel centres, a box one pixel too small, holes as further polygons); worked around are what
breaks or varies: the recursion and the leak between its Dataset objects, random colours. Polygons of fewer than 3
points are removed, and a nucleus without any left is dropped; both are listed in info.dropped.
"""

from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from nuclei.coco.rle import encode_part
from nuclei.common.files import sha256
from nuclei.common.progress import Progress
from nuclei.data.masks import image_size, read_nucleus
from nuclei.data.polygons import exact_polygons

CATEGORY = {"id": 1, "name": "nucleus", "supercategory": ""}


def annotate_exact(path, size, segmentation):
    """Annotation of a mask file of an image of `size` (width, height) px: area, bbox [x, y, w, h], segmentation."""
    part, left, top, _ = read_nucleus(path, size)
    rle = segmentation == "rle"
    return {
        "area": int(np.count_nonzero(part)),
        "bbox": [left, top, part.shape[1], part.shape[0]],
        "iscrowd": 0,
        "mask": path.name,
        "segmentation": encode_part(part, left, top, size) if rle else exact_polygons(part, left, top),
    }


def convert_exact(image, size, segmentation):
    """(annotations, dropped) of a RawImage of `size` (width, height); nothing is ever dropped."""
    return [annotate_exact(path, size, segmentation) for path in image.masks], []


def imantics_dataset(image, size):
    """imantics Dataset of one image, and the (left, top) of the part that each annotation was made from."""
    import imantics

    dataset = imantics.Dataset(image.set)
    # imantics keeps these on the class, so that they leak from one data set to the next
    dataset.annotations, dataset.categories, dataset.images = {}, {}, {}
    category = imantics.Category(CATEGORY["name"], id=1, color="#000000")
    picture = imantics.Image(path=image.file.name, id=image.number, width=size[0], height=size[1])
    corners = []
    for number, path in enumerate(image.masks, 1):
        part, left, top, _ = read_nucleus(path, size)
        corners.append((left, top))
        # the contour of the part is that of the whole, moved; ids from 1 on avoid imantics' recursion
        mask = imantics.Mask(part)
        picture.add(imantics.Annotation(image=picture, category=category, mask=mask, id=number, color="#000000"))
    dataset.add(picture)
    return dataset, corners


def convert_imantics(image, size, _segmentation):
    """(annotations, dropped) of a RawImage of `size` (width, height), as the report made them."""
    dataset, corners = imantics_dataset(image, size)
    annotations, dropped = [], []
    for row, path, (left, top) in zip(dataset.coco()["annotations"], image.masks, corners, strict=True):
        polygons = [
            (np.array(polygon).reshape(-1, 2) + (left, top)).ravel().tolist() for polygon in row["segmentation"]
        ]
        valid = [polygon for polygon in polygons if len(polygon) >= 6]
        if len(valid) < len(polygons):
            what = "a polygon" if valid else "the nucleus"
            points = min(len(polygon) // 2 for polygon in polygons)
            dropped.append(
                {
                    "image": image.id,
                    "mask": path.name,
                    "nucleus_dropped": not valid,
                    "reason": f"{what} removed: polygon of {points} points, 3 wanted",
                }
            )
        if valid:
            x, y, wide, high = row["bbox"]
            annotations.append(
                {
                    "area": row["area"],
                    "bbox": [int(x + left), int(y + top), int(wide), int(high)],
                    "iscrowd": 0,
                    "mask": path.name,
                    "segmentation": valid,
                }
            )
    return annotations, dropped


def convert_image(image, method, segmentation):
    """((width, height), annotations, dropped) of one image."""
    size = image_size(image)
    converter = {"exact": convert_exact, "imantics": convert_imantics}[method]
    return size, *converter(image, size, segmentation)


def convert(images, method, segmentation="rle", threads=1):
    """COCO content of RawImages: file names relative to dataset/train or dataset/test, ids stable."""
    content = {"annotations": [], "categories": [CATEGORY], "images": [], "info": {"converter": method, "dropped": []}}
    progress = Progress(f"masks -> COCO ({method})", sum(len(image.masks) for image in images), "masks")
    with ProcessPoolExecutor(threads) as pool:
        results = pool.map(partial(convert_image, method=method, segmentation=segmentation), images)
        for image, ((width, height), annotations, dropped) in zip(images, results, strict=True):
            name = f"{image.id}/images/{image.file.name}" if image.set == "train" else image.file.name
            size = {"height": height, "width": width}
            content["images"].append({"file_name": name, "id": image.number, "sha256": sha256(image.file), **size})
            for annotation in annotations:
                number = len(content["annotations"]) + 1
                content["annotations"].append({**annotation, "category_id": 1, "id": number, "image_id": image.number})
            content["info"]["dropped"] += dropped
            progress.step(len(image.masks))
    progress.close()
    return content
