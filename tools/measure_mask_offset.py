"""Measure how far the tissue in each image lies off its masks. The option training.offset moves it back by that much.

Nuclei of stained tissue are darker than what is around them. The offset is therefore the shift of the image at which
the masks cover the darkest pixels: the peak of the covariance of image and masks over shifts of whole px, refined by a
parabola through the peak and its neighbours. For each image it prints the offset [x, y] in px, x right and y down.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

import library  # noqa: F401 - lets the library be found
from nuclei.coco.checks import check_ground_truth
from nuclei.coco.grouping import by_image
from nuclei.coco.rle import as_rle
from nuclei.common.files import read_json, write_json
from nuclei.common.stage import InputError, run_stage
from nuclei.data.mask_offset import REACH, offset
from nuclei.data.masks import read_image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ground-truth", required=True, help="COCO annotations of training images")
    parser.add_argument("--images", required=True, help="folder that the file names in the annotations start from")
    parser.add_argument("--out", help="where to write the offsets as JSON, too")
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
