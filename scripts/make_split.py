"""Split the training images into training and validation images, for setting 1.

It reads checked/train.json, which lists the training images, and a split file where one is given. It writes split.json
with the image ids of both halves: those of the file, or a random choice by fraction and seed.
"""

import argparse

from nuclei.common.documents import read_yaml
from nuclei.common.files import read_json, write_json
from nuclei.common.stage import run_stage, written_by
from nuclei.data.groups import read_groups
from nuclei.data.splits import given_split, random_split


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checked", required=True, help="checked/train.json, which check_part.py wrote")
    parser.add_argument("--file", help="YAML file with the lists train and validation")
    parser.add_argument(
        "--validation-fraction", type=float, default=0.17, help="share of the images that validate, without --file"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the random choice, without --file")
    parser.add_argument("--groups", help="CSV or TSV with the columns image and --column; no group is divided")
    parser.add_argument("--column", default="group", help="column of --groups that names the groups")
    parser.add_argument("--out", required=True, help="where to write split.json")
    args = parser.parse_args()
    content = read_json(args.checked)
    with written_by("check_part.py", args.checked):
        ids = [row["id"] for row in content["images"]]
    if args.file:
        split = given_split(ids, read_yaml(args.file), args.file)
    else:
        groups = read_groups(args.groups, args.column, ids, "raw.groups.column") if args.groups else None
        split = random_split(ids, args.validation_fraction, args.seed, groups)
    write_json(args.out, split)


if __name__ == "__main__":
    run_stage(main)
