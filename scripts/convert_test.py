"""Test images, and their masks where they are given -> COCO annotations, lossless (RLE)."""

import argparse

from nuclei.common.files import write_json
from nuclei.common.stage import InputError, run_stage
from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help="folder with train/, test/, test_img_ids.json")
    parser.add_argument("--test-masks", help="folder with <id>/masks/*.png; without it the images have no annotations")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", required=True, help="test.json")
    args = parser.parse_args()
    images, _, problems = read_layout(args.dataset, args.test_masks)
    if problems:
        raise InputError(*problems)
    images = [image for image in images if image.set == "test"]
    write_json(args.out, convert(images, "exact", "rle", args.threads), indent=None)


if __name__ == "__main__":
    run_stage(main)
