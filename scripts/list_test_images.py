"""The test images as COCO JSON without annotations: what predictions are made of, so that no mask can reach them.

Reads dataset/test/ and test_img_ids.json. Writes test_images.json: id, file name, size and SHA-256 of each image.
"""

import argparse

from nuclei.common.classes import CLASSES
from nuclei.common.files import write_json
from nuclei.common.stage import InputError, run_stage
from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, help="folder with train/, test/, test_img_ids.json")
    parser.add_argument("--class", dest="classes", action="append", help="name of a class (default: nucleus)")
    parser.add_argument("--out", required=True, help="test_images.json")
    args = parser.parse_args()
    images, _, problems = read_layout(args.dataset)
    if problems:
        raise InputError(*problems)
    images = [image for image in images if image.set == "test"]
    write_json(args.out, convert(images, "exact", classes=args.classes or CLASSES), indent=None)


if __name__ == "__main__":
    run_stage(main)
