"""Write the annotation files of both settings.

It reads the COCO annotations of all training images, and split.json. It writes setting1/ and setting2/, each with
train.json and validation.json. In setting 1 these are the two halves of the split; in setting 2 both hold all training
images, as in the report.
"""

import argparse
from pathlib import Path

from nuclei.common.files import read_json, write_json
from nuclei.common.stage import run_stage, written_by
from nuclei.data.settings import subset
from nuclei.data.splits import given_split


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", required=True, help="COCO JSON of all training images")
    parser.add_argument("--split", required=True, help="split.json, which make_split.py wrote")
    parser.add_argument("--out-dir", required=True, help="folder to write setting1/ and setting2/ to")
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
