"""Check an answer (answer.zip or answer.json) against the competition's form; all problems are shown at once."""

import argparse
import sys

import library  # noqa: F401 - lets the library be found
from nuclei.common.stage import refuse, run_stage
from nuclei.data.raw_layout import read_test_ids
from nuclei.prediction.answers import answer_problems, read_answer

CAP = 100


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answer", required=True, help="answer.zip or answer.json")
    parser.add_argument("--test-img-ids", required=True, help="test_img_ids.json")
    args = parser.parse_args()
    problems = []
    ids = read_test_ids(args.test_img_ids, problems)
    refuse(problems, args.test_img_ids)
    images = {number: (height, width) for number, width, height in ids.values()}
    rows = read_answer(args.answer)
    problems, warnings = answer_problems(rows, images, args.answer)
    refuse(problems, args.answer)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(f"{args.answer}: {len(rows)} detections of {len(images)} images, form is right")


if __name__ == "__main__":
    run_stage(main)
