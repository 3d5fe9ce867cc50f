"""Cut training images and their annotations into overlapping square tiles, to train on crops.

It reads the annotations of one setting's training images, and these images. It writes the tiles as
<id>/<left>_<top>.png and their annotations as COCO JSON. The tiles cover the whole image; the last one of a row or
column ends at the border of the image. A nucleus at the border of a tile is cut, and a piece smaller than --min-area
has no annotation.
"""

import argparse
import shutil
from pathlib import Path

from nuclei.common.files import read_json, write_json
from nuclei.common.stage import run_stage, written_by
from nuclei.data.tiles import tile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", required=True, help="COCO JSON of the training images")
    parser.add_argument("--dataset", required=True, help="folder that the file names in the annotations start from")
    parser.add_argument("--size", type=int, required=True, help="side of a tile, px")
    parser.add_argument("--stride", type=int, required=True, help="distance between neighbouring tiles, px")
    parser.add_argument(
        "--min-area", type=int, default=16, help="area of the smallest piece of a nucleus that is kept, px"
    )
    parser.add_argument(
        "--segmentation", choices=["polygon", "rle"], default="polygon", help="form in which masks are written"
    )
    parser.add_argument("--out-annotations", required=True, help="where to write the COCO JSON of the tiles")
    parser.add_argument("--out-images", required=True, help="folder to write the tiles to")
    args = parser.parse_args()
    out = Path(args.out_images)
    beside = out.with_name(f".{out.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    content = read_json(args.annotations)
    with written_by("write_annotations.py", args.annotations):
        for image in content["images"]:
            Path(image["file_name"]), image["id"]
        for row in content["annotations"]:
            row["image_id"], row["mask"], row["segmentation"]
    content = tile(content, args.dataset, beside, args.size, args.stride, args.min_area, args.segmentation)
    shutil.rmtree(out, ignore_errors=True)
    beside.rename(out)
    write_json(args.out_annotations, content, indent=None)


if __name__ == "__main__":
    run_stage(main)
