"""Measure how far the tissue of each image lies off its masks: what training.offset moves back.

Nuclei of stained tissue are darker than what is around them. The offset is the shift of the image under its masks at
which they cover the darkest: the peak of their covariance over whole px, refined by a parabola through its neighbours.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as coco_mask

import library  # noqa: F401 - lets the library be found
from nuclei.coco.rle import as_rle
from nuclei.common.stage import InputError, read_json, run_stage, write_json
from nuclei.data.masks import read_image
from nuclei.scoring.average_precision import by_image, check_ground_truth

REACH = 4  # px, the largest offset that is looked for


def peak(values):
    """Place of a row's maximum, in steps from its middle; between its places by a parabola. None at an end.

    >>> peak([0.0, 3.0, 4.0, 3.0, 0.0]), peak([0.0, 2.0, 4.0, 4.0, 2.0])
    (0.0, 0.5)
    """
    at = int(np.argmax(values))
    if not 0 < at < len(values) - 1:
        return None
    before, top, after = values[at - 1 : at + 2]
    return float(at - len(values) // 2 + (before - after) / (2 * (before - 2 * top + after)))


def offset(image, masks):
    """Offset (x right, y down), px, of the tissue from its masks; None for an axis without a peak within REACH.

    image: (height, width) or (height, width, channels). masks: bool (height, width), all nuclei together.
    """
    grey = image.reshape(*masks.shape, -1).mean(-1)
    dark = -cv2.GaussianBlur(grey, (0, 0), 1)
    inner = np.s_[REACH:-REACH]
    covered = masks[inner, inner] - masks[inner, inner].mean()
    shifts = range(-REACH, REACH + 1)
    return tuple(
        peak([(covered * np.roll(dark, -shift, axis)[inner, inner]).mean() for shift in shifts]) for axis in (1, 0)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ground-truth", required=True, help="COCO annotations of training images")
    parser.add_argument("--images", required=True, help="folder that their file names start from")
    parser.add_argument("--out", help="write the offsets as JSON, too")
    args = parser.parse_args()
    content = read_json(args.ground_truth, "COCO annotations")
    check_ground_truth(content, args.ground_truth)
    found, nuclei = {}, by_image(content, content["annotations"])
    for row in content["images"]:
        file = Path(args.images) / row["file_name"]
        image = read_image(file)
        if image is None:
            raise InputError(f"{file}: not a readable image, wanted one of the ground truth's; check --images")
        height, width = image.shape[:2]
        if (height, width) != (row["height"], row["width"]):
            raise InputError(
                f"{file}: {width}x{height} px, wanted {row['width']}x{row['height']} px as in {args.ground_truth}; "
                "check --images"
            )
        codes = [as_rle(nucleus["segmentation"], height, width) for nucleus in nuclei[row["id"]]]
        masks = coco_mask.decode(coco_mask.merge(codes)).astype(bool) if codes else np.zeros((height, width), bool)
        found[row["file_name"]] = offset(image, masks)
        print(row["file_name"], *("none" if value is None else f"{value:+.2f}" for value in found[row["file_name"]]))
    whole = np.array([values for values in found.values() if None not in values])
    if not len(whole):
        raise InputError(f"{args.ground_truth}: no image has an offset within {REACH} px, wanted masks of dark nuclei")
    print(f"median of {len(whole)} images: {np.median(whole, 0).round(2).tolist()}", file=sys.stderr)
    if args.out:
        write_json(args.out, found)


if __name__ == "__main__":
    run_stage(main)
