"""Annotation files of the two settings: 1 = the split's halves, 2 = all images for training and for validation."""

import argparse
from pathlib import Path

from nuclei.common.files import read_json, write_json
from nuclei.common.stage import run_stage, written_by
from nuclei.data.settings import subset
from nuclei.data.splits import given_split


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotations", required=True, help="COCO JSON of all training images")
    parser.add_argument("--split", required=True, help="split.json")
    parser.add_argument("--out-dir", required=True, help="folder for setting{1,2}/{train,validation}.json")
    args = parser.parse_args()
    content, split, out = read_json(args.annotations), read_json(args.split), Path(args.out_dir)
    with written_by("convert_train.py", args.annotations):
        there = {image["file_name"].split("/")[0] for image in content["images"]}
        split = given_split(there, split, args.split)
        parts = {half: subset(content, set(ids)) for half, ids in split.items()}
    for half, part in parts.items():
        write_json(out / "setting1" / f"{half}.json", part, indent=None)
        write_json(out / "setting2" / f"{half}.json", content, indent=None)


if __name__ == "__main__":
    run_stage(main)
