"""Convert the test images, and their masks where these are given, to COCO annotations without loss.

It reads the test images, test_img_ids.json and the folder of test masks. It writes test.json: COCO JSON with the masks
as run-length codes (RLE), or without any annotations where no test masks are given.
"""

import argparse

from nuclei.common.classes import CLASSES
from nuclei.common.files import write_json
from nuclei.common.stage import InputError, run_stage
from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--dataset", required=True, help="folder of the raw data, with train/, test/ and test_img_ids.json"
    )
    parser.add_argument("--test-masks", help="folder with <id>/masks/*.png; without it the images have no annotations")
    parser.add_argument("--threads", type=int, default=1, help="how many processes work at the same time")
    parser.add_argument("--class", dest="classes", action="append", help="name of a class (default: nucleus)")
    parser.add_argument("--out", required=True, help="where to write test.json")
    args = parser.parse_args()
    images, _, problems = read_layout(args.dataset, args.test_masks)
    if problems:
        raise InputError(*problems)
    images = [image for image in images if image.set == "test"]
    write_json(args.out, convert(images, "exact", "rle", args.threads, args.classes or CLASSES), indent=None)


if __name__ == "__main__":
    run_stage(main)
