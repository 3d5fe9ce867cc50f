"""Check whether an answer (answer.zip or answer.json) has the form that the competition asks for.

All problems are shown at once. Warnings, such as an image without detections, leave the form right.
"""

import argparse
import sys

import library  # noqa: F401 - lets the library be found
from nuclei.common.stage import run_stage
from nuclei.prediction.answers import check_answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answer", required=True, help="the answer: answer.zip or answer.json")
    parser.add_argument("--test-img-ids", required=True, help="test_img_ids.json, which lists the test images")
    args = parser.parse_args()
    for line in check_answer(args.answer, args.test_img_ids):
        print(line, file=sys.stderr if line.startswith("warning") else sys.stdout)


if __name__ == "__main__":
    run_stage(main)
