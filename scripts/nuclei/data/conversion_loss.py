"""What each converter loses: its annotations, made into masks again, against the masks that they were made from.

The measure is the intersection over union (IoU) of the two masks: 1 where the converter lost nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypedDict

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from nuclei.coco.rle import as_rle, encode_part
from nuclei.coco.types import RLE, Content, Dropped, Segmentation
from nuclei.common.files import read_json
from nuclei.common.markdown import escape, table_lines
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError
from nuclei.data.masks import read_nucleus
from nuclei.data.raw_layout import RawImage

Segmentations = dict[tuple[int, str], Segmentation]  # by (image id, name of the mask file)
Row = dict[str, Any]  # of one mask: parts, holes, and the IoU of each converter (None without an annotation)

# dropped: the rows of info.dropped. iou_…: over the nuclei with an annotation. exact: how many have an IoU of 1.
Figures = TypedDict(
    "Figures",
    {
        "nuclei": int,
        "annotations": int,
        "nuclei_dropped": int,
        "dropped": list[Dropped],
        "invalid_polygons": int,
        "iou_mean": float,
        "iou_median": float,
        "iou_5_percent": float,
        "share_below_0.9": float,
        "exact": int,
    },
)


class Loss(TypedDict):
    """Content of conversion_loss.json."""

    converters: dict[str, Figures]
    with_holes: int  # nuclei with a hole
    with_parts: int  # nuclei of more than one part


def shape_of(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """(number of 8-connected parts, number of holes) of a bool mask, height x width, or of all of it that is true."""
    part = np.pad(mask, 1).astype(np.uint8)
    parts = cv2.connectedComponents(part, connectivity=8)[0] - 1
    # The nucleus is taken as 8-connected, so the background must be 4-connected. Each part of it is a hole, but one is
    # the outside. OpenCV also counts the pixels of value 0 as a label, hence 2 less.
    return parts, cv2.connectedComponents(1 - part, connectivity=4)[0] - 2


def round_trip_iou(truth: RLE, segmentation: Segmentation) -> float:
    """IoU (0 to 1) of a true mask with a COCO segmentation of the same image, which pycocotools makes into a mask."""
    return float(coco_mask.iou([as_rle(segmentation, *truth["size"])], [truth], [0])[0, 0])


def compare_image(image: RawImage, converters: Mapping[str, Segmentations]) -> list[Row]:
    """One row per mask: {"parts", "holes", <converter>: IoU, or None where the mask has no annotation}."""
    rows = []
    for path in image.masks:
        part, left, top, size = read_nucleus(path)
        parts, holes = shape_of(part)
        row: Row = {"parts": parts, "holes": holes}
        truth = encode_part(part, left, top, size)
        for name, segmentations in converters.items():
            segmentation = segmentations.get((image.number, path.name))
            row[name] = None if segmentation is None else round_trip_iou(truth, segmentation)
        rows.append(row)
    return rows


def of_image(image: RawImage, converters: Mapping[str, Segmentations]) -> dict[str, Segmentations]:
    """The segmentations that belong to one image, so that its process is not sent those of all images."""
    return {
        name: {key: value for key, value in segmentations.items() if key[0] == image.number}
        for name, segmentations in converters.items()
    }


def figures(rows: Sequence[Row], name: str, content: Content) -> Figures:
    """The figures of the converter `name` over the rows of all masks. content: the COCO file that it made.

    InputError where no mask has an annotation.
    """
    ious = np.array([row[name] for row in rows if row[name] is not None])
    if not len(ious):
        raise InputError(f"{name}: none of {len(rows)} masks has an annotation, wanted the COCO file of these masks")
    return {
        "nuclei": len(rows),
        "annotations": len(ious),
        "nuclei_dropped": len(rows) - len(ious),
        "dropped": content["info"]["dropped"],
        "invalid_polygons": len(content["info"]["dropped"]),
        "iou_mean": float(ious.mean()),
        "iou_median": float(np.median(ious)),
        "iou_5_percent": float(np.quantile(ious, 0.05)),
        "share_below_0.9": float((ious < 0.9).mean()),
        "exact": int((ious == 1).sum()),
    }


def summary(result: Loss) -> str:
    """The result as Markdown: a table with a column per converter, and what was dropped."""
    names = list(result["converters"])
    rows = []
    for key in (
        "nuclei",
        "annotations",
        "nuclei_dropped",
        "invalid_polygons",
        "exact",
        "iou_mean",
        "iou_median",
        "iou_5_percent",
        "share_below_0.9",
    ):
        values = [result["converters"][name][key] for name in names]
        texts = [f"{value:.4f}" if isinstance(value, float) else str(value) for value in values]
        rows.append([key.replace("_", " "), *texts])
    lines = table_lines(["", *names], rows)
    lines.append(
        f"\nNuclei with holes: {result['with_holes']}; of more than one part: {result['with_parts']}. "
        "IoU: of each annotation, rasterised by pycocotools, with its mask.\n"
    )
    for name in names:
        for row in result["converters"][name]["dropped"]:
            shown = escape(f"{name}: {row['image']} {row['mask']}: {row['reason']}")
            lines.append(f"- {shown}")
    return "\n".join(lines) + "\n"


def compare(images: Collection[RawImage], contents: Collection[Content], threads: int = 1) -> Loss:
    """The loss of each converter on the same images; see the module.

    contents: what the converters made of all these images, one COCO content per converter. threads: number of
    processes.
    """
    converters: dict[str, Segmentations] = {
        content["info"]["converter"]: {
            (row["image_id"], row["mask"]): row["segmentation"] for row in content["annotations"]
        }
        for content in contents
    }
    progress = Progress("round trip", sum(len(image.masks) for image in images), "masks")
    rows: list[Row] = []
    with ProcessPoolExecutor(threads) as pool:
        parts = [of_image(image, converters) for image in images]
        for image, found in zip(images, pool.map(compare_image, images, parts), strict=True):
            rows += found
            progress.step(len(image.masks))
    progress.close()
    return {
        "converters": {
            content["info"]["converter"]: figures(rows, content["info"]["converter"], content) for content in contents
        },
        "with_holes": sum(row["holes"] > 0 for row in rows),
        "with_parts": sum(row["parts"] > 1 for row in rows),
    }


def read_contents(paths: Sequence[Path | str]) -> list[Content]:
    """The contents of COCO files that convert_train.py made, each with another converter.

    InputError names every file that is no such file, and every converter that comes twice.
    """
    contents = [read_json(path, "COCO JSON of convert_train.py") for path in paths]
    problems: list[str] = []
    seen: dict[Any, Path | str] = {}  # by converter
    for path, content in zip(paths, contents, strict=True):
        info = content.get("info") if isinstance(content, dict) else None
        name = info.get("converter") if isinstance(info, dict) else None
        name = name if isinstance(name, str) else None
        if not name or not isinstance(content.get("annotations"), list):
            problems.append(
                f"{path}: no converter in info or no annotations, wanted COCO JSON of convert_train.py; make it"
            )
        elif name in seen:
            problems.append(f"{path}: made by {name} as {seen[name]} was, wanted another converter; leave one out")
        seen.setdefault(name, path)
    if problems:
        raise InputError(*problems)
    return contents
