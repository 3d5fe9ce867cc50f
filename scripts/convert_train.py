"""Convert the training masks to COCO annotations, by the report's converter or by a lossless one.

It reads the training images and their masks. It writes train.json: COCO JSON of all training images. The converter
`imantics` makes polygons as the report did and loses a little; `exact` loses nothing (nuclei/data/conversion.py).
"""

import argparse

from nuclei.common.classes import CLASSES
from nuclei.common.files import write_json
from nuclei.common.stage import InputError, run_stage
from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--dataset", required=True, help="folder of the raw data, with train/, test/ and test_img_ids.json"
    )
    parser.add_argument("--method", choices=["exact", "imantics"], required=True, help="the converter")
    parser.add_argument(
        "--segmentation",
        choices=["polygon", "rle"],
        default="rle",
        help="form in which the converter `exact` writes masks",
    )
    parser.add_argument("--threads", type=int, default=1, help="how many processes work at the same time")
    parser.add_argument("--class", dest="classes", action="append", help="name of a class (default: nucleus)")
    parser.add_argument("--out", required=True, help="where to write train.json")
    args = parser.parse_args()
    images, _, problems = read_layout(args.dataset)
    if problems:
        raise InputError(*problems)
    images = [image for image in images if image.set == "train"]
    content = convert(images, args.method, args.segmentation, args.threads, args.classes or CLASSES)
    write_json(args.out, content, indent=None)


if __name__ == "__main__":
    run_stage(main)
