"""What each converter loses: its annotations, rasterised again, against the masks they were made from."""

from concurrent.futures import ProcessPoolExecutor

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from nuclei.coco.rle import as_rle, bounding_box, encode
from nuclei.common.files import read_json
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError
from nuclei.data.masks import read_mask


def shape_of(mask):
    """(number of 8-connected parts, number of holes) of a bool mask."""
    left, top, right, bottom = bounding_box(mask)
    part = np.pad(mask[top:bottom, left:right], 1).astype(np.uint8)
    parts = cv2.connectedComponents(part, connectivity=8)[0] - 1
    # the background's parts are 4-connected where the nucleus' are 8-connected; one of them is the outside
    return parts, cv2.connectedComponents(1 - part, connectivity=4)[0] - 2


def round_trip_iou(truth, segmentation):
    """IoU of a true mask (COCO RLE) with a COCO segmentation of any form, rasterised by pycocotools."""
    return float(coco_mask.iou([as_rle(segmentation, *truth["size"])], [truth], [0])[0, 0])


def compare_image(image, converters):
    """One row a mask: {"parts", "holes", <converter>: IoU or None where it has no annotation}."""
    rows = []
    for path in image.masks:
        mask = read_mask(path)
        parts, holes = shape_of(mask)
        row, truth = {"parts": parts, "holes": holes}, encode(mask)
        for name, segmentations in converters.items():
            segmentation = segmentations.get((image.number, path.name))
            row[name] = None if segmentation is None else round_trip_iou(truth, segmentation)
        rows.append(row)
    return rows


def of_image(image, converters):
    """The part of {converter: {(image id, mask): segmentation}} that belongs to an image."""
    return {
        name: {key: value for key, value in segmentations.items() if key[0] == image.number}
        for name, segmentations in converters.items()
    }


def figures(rows, name, content):
    """Summary of one converter over the rows of all masks."""
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


def summary(result):
    """The readable form (Markdown)."""
    shown = [
        "nuclei",
        "annotations",
        "nuclei_dropped",
        "invalid_polygons",
        "exact",
        "iou_mean",
        "iou_median",
        "iou_5_percent",
        "share_below_0.9",
    ]
    names = list(result["converters"])
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for key in shown:
        values = [result["converters"][name][key] for name in names]
        texts = [f"{value:.4f}" if isinstance(value, float) else str(value) for value in values]
        lines.append(f"| {key.replace('_', ' ')} | {' | '.join(texts)} |")
    lines.append(
        f"\nNuclei with holes: {result['with_holes']}; of more than one part: {result['with_parts']}. "
        "IoU: of each annotation, rasterised by pycocotools, with its mask.\n"
    )
    for name in names:
        for row in result["converters"][name]["dropped"]:
            lines.append(f"- {name}: {row['image']} {row['mask']}: {row['reason']}")
    return "\n".join(lines) + "\n"


def compare(images, contents, threads=1):
    """{"converters": {name: figures}, "with_holes", "with_parts"} for COCO contents of the same RawImages."""
    converters = {
        content["info"]["converter"]: {
            (row["image_id"], row["mask"]): row["segmentation"] for row in content["annotations"]
        }
        for content in contents
    }
    progress = Progress("round trip", sum(len(image.masks) for image in images), "masks")
    rows = []
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


def read_contents(paths):
    """COCO contents of files made by convert_train.py, each by another converter; InputError otherwise."""
    contents = [read_json(path, "COCO JSON of convert_train.py") for path in paths]
    problems, seen = [], {}
    for path, content in zip(paths, contents, strict=True):
        name = content.get("info", {}).get("converter") if isinstance(content, dict) else None
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
