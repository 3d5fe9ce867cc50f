"""Check one part of the raw data before any other work on it, and show all problems at once.

It reads the images and masks of the part: `train` (training images and masks), `test` (test images), or `test_masks`
(test images and their masks). It writes checked/<part>.json with a row for each image and the files that were ignored.
"""

import argparse

from nuclei.common.files import write_json
from nuclei.common.stage import run_stage
from nuclei.data.raw_check import check_part


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--dataset", required=True, help="folder of the raw data, with train/, test/ and test_img_ids.json"
    )
    parser.add_argument("--test-masks", help="folder with <id>/masks/*.png of the test images, if there is one")
    parser.add_argument("--part", choices=["train", "test", "test_masks"], required=True, help="the part to check")
    parser.add_argument(
        "--allow-overlap", action="store_true", help="count overlapping nuclei instead of refusing them"
    )
    parser.add_argument("--threads", type=int, default=1, help="how many processes work at the same time")
    parser.add_argument("--out", required=True, help="where to write checked/<part>.json")
    args = parser.parse_args()
    write_json(args.out, check_part(args.part, args.dataset, args.test_masks, args.allow_overlap, args.threads))


if __name__ == "__main__":
    run_stage(main)
