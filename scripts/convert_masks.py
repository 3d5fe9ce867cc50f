"""Masks -> COCO annotations, by one of two converters.

exact: lossless. RLE, or polygons along pixel edges (nuclei/data/polygons.py).
imantics: the report's way, by imantics' Mask, Image, Category and Dataset. Its geometry is kept as the report trained
on it (polygons through pixel centres, a box one pixel too small, holes as further polygons); worked around are what
breaks or varies: the recursion and the leak between its Dataset objects, random colours. Polygons of fewer than 3
points are removed, and a nucleus without any left is dropped; both are listed in info.dropped.
"""

import argparse

from nuclei.common.files import write_json
from nuclei.common.stage import InputError, run_stage
from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, help="folder with train/, test/, test_img_ids.json")
    parser.add_argument("--images", choices=["train", "test"], required=True)
    parser.add_argument("--test-masks", help="folder with <id>/masks/*.png; without it test images have no annotations")
    parser.add_argument("--method", choices=["exact", "imantics"], required=True)
    parser.add_argument("--segmentation", choices=["polygon", "rle"], default="rle", help="form of `exact`")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    images, _, problems = read_layout(args.dataset, args.test_masks)
    if problems:
        raise InputError(*problems)
    images = [image for image in images if image.set == args.images]
    write_json(args.out, convert(images, args.method, args.segmentation, args.threads), indent=None)


if __name__ == "__main__":
    run_stage(main)
