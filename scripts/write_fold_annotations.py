"""Write the annotation files of one fold of a cross-validation.

It reads the COCO annotations of all training images, by the converter of the trainings and by the lossless one, and the
fold's file. It writes train.json and validation.json, as in settings 1 and 2; test.json, the images that it tests with
their nuclei by the lossless converter; and test_images.json, the same without nuclei, for predictions.
"""

import argparse
from pathlib import Path

from nuclei.common.files import read_json, write_json
from nuclei.common.stage import run_stage, written_by
from nuclei.data.settings import subset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", required=True, help="COCO JSON of all training images, for training")
    parser.add_argument("--exact", required=True, help="the same by the lossless converter, for the test images")
    parser.add_argument("--fold", required=True, help="fold<n>.json, which make_folds.py wrote")
    parser.add_argument("--out-dir", required=True, help="folder to write the four files to")
    args = parser.parse_args()
    content, exact, out = read_json(args.annotations), read_json(args.exact), Path(args.out_dir)
    with written_by("make_folds.py", args.fold):
        train, validation, test = (set(read_json(args.fold)[part]) for part in ("train", "validation", "test"))
    with written_by("convert_train.py", args.annotations):
        write_json(out / "train.json", subset(content, train), indent=None)
        write_json(out / "validation.json", subset(content, validation), indent=None)
    with written_by("convert_train.py", args.exact):
        tested = subset(exact, test)
        write_json(out / "test.json", tested, indent=None)
        alone = {**tested, "annotations": [], "info": {**tested["info"], "dropped": []}}
        write_json(out / "test_images.json", alone, indent=None)


if __name__ == "__main__":
    run_stage(main)
