"""Measure what each converter loses of the training masks.

It reads the training masks, and the COCO annotations that each converter made of them. It draws every annotation as a
mask again and takes its IoU with the mask that it was made from. It writes conversion_loss.json and conversion_loss.md,
a summary of it for people.
"""

import argparse
from pathlib import Path

from nuclei.common.files import write_json, write_text
from nuclei.common.stage import InputError, run_stage
from nuclei.data.conversion_loss import compare, read_contents, summary
from nuclei.data.raw_layout import read_layout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--dataset", required=True, help="folder of the raw data, with train/, test/ and test_img_ids.json"
    )
    parser.add_argument(
        "--coco", nargs="+", required=True, help="COCO JSON of all training images, one file for each converter"
    )
    parser.add_argument("--threads", type=int, default=1, help="how many processes work at the same time")
    parser.add_argument("--out", required=True, help="where to write conversion_loss.json")
    parser.add_argument("--summary", required=True, help="where to write conversion_loss.md")
    args = parser.parse_args()
    images, _, problems = read_layout(Path(args.dataset))
    if problems:
        raise InputError(*problems)
    images = [image for image in images if image.set == "train"]
    result = compare(images, read_contents(args.coco), args.threads)
    write_json(args.out, result)
    write_text(args.summary, summary(result))


if __name__ == "__main__":
    run_stage(main)
