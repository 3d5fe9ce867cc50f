"""Check an answer (answer.zip or answer.json) against the competition's form; all problems are shown at once."""

import argparse
import sys

import library  # noqa: F401 - lets the library be found
from nuclei.common.stage import run_stage
from nuclei.prediction.answers import check_answer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answer", required=True, help="answer.zip or answer.json")
    parser.add_argument("--test-img-ids", required=True, help="test_img_ids.json")
    args = parser.parse_args()
    for line in check_answer(args.answer, args.test_img_ids):
        print(line, file=sys.stderr if line.startswith("warning") else sys.stdout)


if __name__ == "__main__":
    run_stage(main)
