"""Join the checks of the raw data's parts, and show the numbers of nuclei beside the expected ones.

It reads checked/<part>.json of each part and, where they are given, a split file and imported.json. It writes raw.json
(images, nuclei, ignored files with the reason, counts beside the expected ones) and raw.md, a summary of it for people.
A count that differs from the expected one is a warning. No other stage needs these files but the report and the
manifest, so that an expected count that was corrected runs nothing else again.
"""

import argparse
import sys
from typing import Any, cast

from nuclei.common.documents import read_yaml
from nuclei.common.files import read_json, write_json, write_text
from nuclei.common.stage import run_stage, written_by
from nuclei.data.import_summary import class_warnings, short_form, size_warnings, summary_lines
from nuclei.data.raw_check import RawReport, join, parse_expected, summary
from nuclei.data.splits import given_split


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True, help="checked/train.json")
    parser.add_argument("--test", required=True, help="checked/test.json")
    parser.add_argument("--test-masks", help="checked/test_masks.json, if there are test masks")
    parser.add_argument("--split", help="YAML file that splits the training images, to count the nuclei of both halves")
    parser.add_argument(
        "--expected",
        nargs="*",
        default=[],
        metavar="NAME=COUNT",
        help="numbers of nuclei to compare with, as in train=14598",
    )
    parser.add_argument("--imported", help="imported.json, where import_raw.py made the data")
    parser.add_argument("--out", required=True, help="where to write raw.json")
    parser.add_argument("--summary", required=True, help="where to write raw.md")
    args = parser.parse_args()
    expected, halves = parse_expected(args.expected), None
    given = {"train": args.train, "test": args.test, "test_masks": args.test_masks}
    parts = {part: path for part, path in given.items() if path}
    reports = {part: read_json(path) for part, path in parts.items()}
    with written_by("check_part.py", ", ".join(parts.values())):
        if args.split:
            ids = [row["id"] for row in reports["train"]["images"]]
            halves = given_split(ids, read_yaml(args.split), args.split)
        result: dict[str, Any] = {**join(reports, expected, halves)}
        readable = summary(cast(RawReport, result))
    warnings: list[str] = []
    if args.imported:
        imported = read_json(args.imported)
        with written_by("import_raw.py", args.imported):
            result["imported"] = short_form(imported)
            warnings = size_warnings(imported) + class_warnings(imported)
            readable += "\n".join([*summary_lines(imported), ""])
    write_json(args.out, result)
    write_text(args.summary, readable)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for name, row in result["comparison"].items():
        if not row["equal"]:
            print(f"warning: {name}: {row['found']} nuclei found, {row['expected']} expected", file=sys.stderr)


if __name__ == "__main__":
    run_stage(main)
