"""Divide the training images into folds, for a cross-validation.

It reads checked/train.json, which lists the training images, and a table of their groups where one is given. It writes
fold1.json, fold2.json and so on: the ids of the images that a fold trains on, validates on and tests.
"""

import argparse
from pathlib import Path

from nuclei.common.files import read_json, write_json
from nuclei.common.stage import run_stage, written_by
from nuclei.data.folds import make_folds
from nuclei.data.groups import read_groups


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checked", required=True, help="checked/train.json, which check_part.py wrote")
    parser.add_argument("--count", type=int, required=True, help="how many folds")
    parser.add_argument("--groups", help="CSV or TSV with the column image and a column of groups")
    parser.add_argument("--column", default="group", help="the column of groups (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random choices")
    parser.add_argument(
        "--validation-fraction", type=float, default=0.17, help="share of a fold's other images that validate"
    )
    parser.add_argument("--out-dir", required=True, help="folder to write fold1.json, fold2.json, … to")
    args = parser.parse_args()
    content = read_json(args.checked)
    with written_by("check_part.py", args.checked):
        ids = [row["id"] for row in content["images"]]
    groups = read_groups(args.groups, args.column, ids) if args.groups else None
    for number, fold in enumerate(make_folds(ids, args.count, args.validation_fraction, args.seed, groups), 1):
        write_json(Path(args.out_dir) / f"fold{number}.json", fold)


if __name__ == "__main__":
    run_stage(main)
