"""Check, before any other job, that all new images and slides can be read, so that a bad one of many costs no hours.

An image is read whole, of a slide a corner. It writes the list of all images.
"""

import argparse

from nuclei.common.files import write_text
from nuclei.common.stage import InputError, refuse, run_stage
from nuclei.data.image_files import open_image_file
from nuclei.workflow.image_list import list_image_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, nargs="+", help="images, slides, folders of them, lists (.txt)")
    parser.add_argument("--out", required=True, help="where to write the list of the images")
    args = parser.parse_args()
    images, problems = list_image_files(args.images), []
    for path in images:
        try:
            open_image_file(path).corner()
        except InputError as error:
            problems += error.problems
    refuse(problems, args.out)
    write_text(args.out, "".join(f"{path}\n" for path in images))


if __name__ == "__main__":
    run_stage(main)
