"""Check the whole raw data set before any work; all problems are shown at once.

Outcome: a JSON (images, nuclei, what was ignored and why, counts beside the expected ones) and a readable summary.
"""

import argparse
import sys

from nuclei.common.documents import read_yaml
from nuclei.common.files import write_json, write_text
from nuclei.common.stage import run_stage
from nuclei.data.raw_check import check, parse_expected, summary


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, help="folder with train/, test/, test_img_ids.json")
    parser.add_argument("--test-masks", help="folder with <id>/masks/*.png of the test images")
    parser.add_argument("--allow-overlap", action="store_true", help="overlapping nuclei are counted, not refused")
    parser.add_argument("--split", help="split file, to count the nuclei of its halves")
    parser.add_argument(
        "--expected", nargs="*", default=[], metavar="NAME=COUNT", help="counts shown beside the found ones"
    )
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", required=True, help="raw.json")
    parser.add_argument("--summary", required=True, help="raw.md")
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
