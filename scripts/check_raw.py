"""Check the whole raw data set before any other work, and show all problems at once.

It reads the raw images and masks and, where they are given, the masks of the test images and a split file. It writes
raw.json (images, nuclei, ignored files with the reason, counts beside the expected ones) and raw.md, a summary of it
for people. A count that differs from the expected one is a warning; everything else that is wrong is an error.
"""

import argparse
import sys

from nuclei.common.documents import read_yaml
from nuclei.common.files import write_json, write_text
from nuclei.common.stage import run_stage
from nuclei.data.raw_check import check, parse_expected, summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--dataset", required=True, help="folder of the raw data, with train/, test/ and test_img_ids.json"
    )
    parser.add_argument("--test-masks", help="folder with <id>/masks/*.png of the test images, if there is one")
    parser.add_argument("--split", help="YAML file that splits the training images, to count the nuclei of both halves")
    parser.add_argument(
        "--allow-overlap", action="store_true", help="count overlapping nuclei instead of refusing them"
    )
    parser.add_argument(
        "--expected",
        nargs="*",
        default=[],
        metavar="NAME=COUNT",
        help="numbers of nuclei to compare with, as in train=14598",
    )
    parser.add_argument("--threads", type=int, default=1, help="how many processes work at the same time")
    parser.add_argument("--out", required=True, help="where to write raw.json")
    parser.add_argument("--summary", required=True, help="where to write raw.md")
    args = parser.parse_args()
    split = read_yaml(args.split) if args.split else None
    result = check(
        args.dataset,
        args.test_masks,
        args.allow_overlap,
        parse_expected(args.expected),
        split,
        args.split,
        args.threads,
    )
    write_json(args.out, result)
    write_text(args.summary, summary(result))
    for name, row in result["comparison"].items():
        if not row["equal"]:
            print(f"warning: {name}: {row['found']} nuclei found, {row['expected']} expected", file=sys.stderr)


if __name__ == "__main__":
    run_stage(main)
