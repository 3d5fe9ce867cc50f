"""Masks to COCO annotations, by one of two converters.

exact: loses nothing. The segmentation is a run-length code (RLE), or polygons along the pixel edges
(nuclei/data/polygons.py).

imantics: the converter of the report, made of the Mask, Image, Category and Dataset of the Python package imantics. Its
geometry stays as the report trained on it, although it loses a part of each mask: the polygons run through the pixel
centres, the box is one pixel too small, and each hole becomes one more polygon of the nucleus. Only what fails or
differs from run to run is worked around: a recursion that is too deep for many nuclei, data that passes from one
Dataset object to the next, and random colours. Polygons of fewer than 3 points are removed, and a nucleus that has no
polygon left is dropped. info.dropped of the result lists both.

All coordinates are px, x right, y down. Boxes and areas count whole pixels, with pixel edges at integers.
"""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, Literal

import numpy as np

from nuclei.coco.rle import encode_part
from nuclei.coco.types import AnnotationPart, Category, Content, Dropped, Form, Image
from nuclei.common.classes import CLASSES, class_key, class_numbers
from nuclei.common.files import sha256
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError, capped
from nuclei.data.masks import image_size, read_nucleus
from nuclei.data.polygons import exact_polygons
from nuclei.data.raw_layout import Mask, RawImage
from nuclei.data.stored_nuclei import StoredNucleus

Method = Literal["exact", "imantics"]


def annotate_exact(path: Mask, size: tuple[int, int], segmentation: Form) -> AnnotationPart:
    """Annotation of one mask file, without loss.

    size: (width, height) of the image, px. Returns a dict with area (px), bbox [left, top, width, height] (px, pixel
    edges at integers), iscrowd 0, mask (name of the file), and segmentation. InputError as in masks.read_nucleus.
    """
    part, left, top, _ = read_nucleus(path, size)
    rle = segmentation == "rle"
    return {
        "area": int(np.count_nonzero(part)),
        "bbox": [left, top, part.shape[1], part.shape[0]],
        "iscrowd": 0,
        "mask": path.name,
        "segmentation": encode_part(part, left, top, size) if rle else exact_polygons(part, left, top),
    }


def convert_exact(
    image: RawImage, size: tuple[int, int], segmentation: Form
) -> tuple[list[AnnotationPart], list[Dropped]]:
    """(annotations, dropped) of an image of `size` (width, height), px. Nothing is ever dropped."""
    return [annotate_exact(path, size, segmentation) for path in image.masks], []


def imantics_dataset(image: RawImage, size: tuple[int, int]) -> tuple[Any, list[tuple[int, int]]]:
    """The imantics Dataset of one image of `size` (width, height), px, with an annotation for each mask file.

    imantics gets only the part of each mask inside its bounding box: the contour of this part is the contour of the
    whole mask, moved, and takes less time. Its coordinates therefore start at the corner of that box. Returns (Dataset,
    the corner (left, top), px, of each mask's box).
    """
    import imantics

    dataset = imantics.Dataset(image.set)
    # imantics keeps these on the class, so that the content of one data set would appear in the next
    dataset.annotations, dataset.categories, dataset.images = {}, {}, {}
    category = imantics.Category(CLASSES[0], id=1, color="#000000")  # convert() says which class it is
    picture = imantics.Image(path=image.file.name, id=image.number, width=size[0], height=size[1])
    corners = []
    for number, path in enumerate(image.masks, 1):
        part, left, top, _ = read_nucleus(path, size)
        corners.append((left, top))
        # ids from 1 on, each once: imantics looks for a free id by recursion, which fails on many nuclei
        mask = imantics.Mask(part)
        picture.add(imantics.Annotation(image=picture, category=category, mask=mask, id=number, color="#000000"))
    dataset.add(picture)
    return dataset, corners


def convert_imantics(
    image: RawImage, size: tuple[int, int], _segmentation: Form
) -> tuple[list[AnnotationPart], list[Dropped]]:
    """(annotations, dropped) of an image of `size` (width, height), px, as the report made them.

    The polygons run through pixel centres, in coordinates where a pixel centre is an integer. bbox is [left, top,
    width, height] of imantics, px, whose width and height are one pixel too small. area counts the mask's pixels.
    """
    dataset, corners = imantics_dataset(image, size)
    annotations: list[AnnotationPart] = []
    dropped: list[Dropped] = []
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


def convert_image(
    image: RawImage, method: Method, segmentation: Form
) -> tuple[tuple[int, int], list[AnnotationPart], list[Dropped]]:
    """((width, height) px, annotations, dropped) of one image."""
    size = image_size(image)
    converter = {"exact": convert_exact, "imantics": convert_imantics}[method]
    return size, *converter(image, size, segmentation)


def categories_of(images: Collection[RawImage], classes: Sequence[str]) -> Mapping[tuple[str, str], int]:
    """{(image id, name of a mask): its category id}. With one class each nucleus has it, whatever its own one is.

    InputError names the first nucleus of each class that is not among them, and the first mask file, which has none.
    """
    numbers = class_numbers(classes)
    found: dict[tuple[str, str], int] = {}
    problems: dict[str, str] = {}
    wanted = f"wanted one of the classes {', '.join(classes)}; add it to raw.classes, or correct the data"
    for image in images:
        for mask in image.masks:
            name = mask.name
            if len(classes) == 1:
                number = 1
            elif isinstance(mask, StoredNucleus):
                number = numbers.get(class_key(mask.category), 0)
                if not number:
                    problems.setdefault(class_key(mask.category), f"{mask}: class {mask.category!r} found, {wanted}")
            else:
                raise InputError(
                    f"{mask}: a mask file found, which has no class, wanted one class in raw.classes and not "
                    f"{len(classes)}; take one class, or data whose format names classes"
                )
            found[image.id, name] = number
    if problems:
        raise InputError(*capped(list(problems.values()), "masks.json"))
    return found


def convert(
    images: Collection[RawImage],
    method: Method,
    segmentation: Form = "rle",
    threads: int = 1,
    classes: Sequence[str] = CLASSES,
) -> Content:
    """The content of a COCO file with all these images and an annotation for each of their masks.

    images: all of one set, training or test. method: see the module. segmentation: form that `exact` writes; `imantics`
    always writes polygons. threads: number of processes; the result does not depend on it. classes: names of the
    categories, whose ids count from 1. File names are relative to
    dataset/train or dataset/test. Ids do not change from run to run: those of images are RawImage.number, those of
    annotations count from 1 in the order of images and masks. InputError names an image or mask that cannot be read.
    """
    numbers = categories_of(images, classes)
    categories: list[Category] = [
        {"id": number, "name": name, "supercategory": ""} for number, name in enumerate(classes, 1)
    ]
    content: Content = {
        "annotations": [],
        "categories": categories,
        "images": [],
        "info": {"converter": method, "dropped": []},
    }
    progress = Progress(f"masks -> COCO ({method})", sum(len(image.masks) for image in images), "masks")
    with ProcessPoolExecutor(threads) as pool:
        results = pool.map(partial(convert_image, method=method, segmentation=segmentation), images)
        for image, ((width, height), annotations, dropped) in zip(images, results, strict=True):
            name = f"{image.id}/images/{image.file.name}" if image.set == "train" else image.file.name
            row: Image = {
                "file_name": name,
                "height": height,
                "id": image.number,
                "sha256": sha256(image.file),
                "width": width,
            }
            if image.pixel_size:
                row["pixel_size_um"] = image.pixel_size
            content["images"].append(row)
            for annotation in annotations:
                number = len(content["annotations"]) + 1
                category = numbers[image.id, annotation["mask"]]
                content["annotations"].append(
                    {**annotation, "category_id": category, "id": number, "image_id": image.number}
                )
            content["info"]["dropped"] += dropped
            progress.step(len(image.masks))
    progress.close()
    return content
