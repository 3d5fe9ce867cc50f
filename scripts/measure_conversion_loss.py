"""What each converter loses: its annotations, rasterised again, against the masks they were made from."""

import argparse
from pathlib import Path

from nuclei.common.files import write_json, write_text
from nuclei.common.stage import InputError, run_stage
from nuclei.data.conversion_loss import compare, read_contents, summary
from nuclei.data.raw_layout import read_layout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help="folder with train/, test/, test_img_ids.json")
    parser.add_argument(
        "--coco", nargs="+", required=True, help="annotations of all training images, a file a converter"
    )
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", required=True, help="conversion_loss.json")
    parser.add_argument("--summary", required=True, help="conversion_loss.md")
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
