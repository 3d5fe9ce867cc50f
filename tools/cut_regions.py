"""Cut the annotated regions out of images or slides, with the nuclei in them, as images to train on.

make regions IMAGES=FOLDER OUT=FOLDER

Beside an image lies what QuPath exported of it: <image>.geojson, with nuclei and with rectangles of the class Region*
around what was annotated. docs/qupath.md explains it. Images without such a file are left out.
"""

import argparse
from pathlib import Path

import library  # noqa: F401 - lets the library be found
from nuclei.common.stage import InputError, run_stage
from nuclei.data.image_files import open_image_file
from nuclei.export.regions import Region, regions, write_regions
from nuclei.workflow.image_list import list_image_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, nargs="+", help="images, slides, folders of them, lists (.txt)")
    parser.add_argument("--out", required=True, type=Path, help="a new or empty folder")
    args = parser.parse_args()
    images = list_image_files(args.images)
    if args.out.is_file() or (args.out.is_dir() and any(args.out.iterdir())):
        raise InputError(f"{args.out}: not empty, wanted a new folder; name another, or remove what is in it")
    files = {path: file for path in images if (file := path.with_suffix(".geojson")).is_file()}
    if not files:
        raise InputError(f"{args.images[0]}: no image with a GeoJSON beside it found, wanted some; export them there")
    found: dict[Path, list[Region]] = {}
    problems = []
    for path, file in files.items():  # all problems before any file is written
        try:
            image = open_image_file(path)
            found[path] = regions(file, (image.width, image.height))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    for path, own in found.items():
        for new, count in write_regions(open_image_file(path), own, args.out):
            print(f"{new}: {count} nuclei")
    print(f"{len(files)} of {len(images)} images have a GeoJSON: {sum(map(len, found.values()))} regions")


if __name__ == "__main__":
    run_stage(main)
