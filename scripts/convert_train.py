"""Training masks -> COCO annotations, by the report's converter or by a lossless one (nuclei/data/conversion.py)."""

import argparse

from nuclei.common.files import write_json
from nuclei.common.stage import InputError, run_stage
from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help="folder with train/, test/, test_img_ids.json")
    parser.add_argument("--method", choices=["exact", "imantics"], required=True)
    parser.add_argument("--segmentation", choices=["polygon", "rle"], default="rle", help="form of `exact`")
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", required=True, help="train.json")
    args = parser.parse_args()
    images, _, problems = read_layout(args.dataset)
    if problems:
        raise InputError(*problems)
    images = [image for image in images if image.set == "train"]
    write_json(args.out, convert(images, args.method, args.segmentation, args.threads), indent=None)


if __name__ == "__main__":
    run_stage(main)
