"""Check an answer (answer.zip or answer.json) against the competition's form; all problems are shown at once."""

import argparse
import json
import sys
import zipfile
from pathlib import Path

import library  # noqa: F401 - lets the library be found
from nuclei.common.archives import DAMAGE
from nuclei.common.stage import InputError, read_json, run_stage
from nuclei.data.raw_layout import read_test_ids
from nuclei.scoring.average_precision import prediction_problem, refuse

CAP = 100


def read_answer(path):
    """Content of answer.json, from the file itself or from a zip that holds it alone."""
    path = Path(path)
    if path.suffix != ".zip":
        return read_json(path, "an answer")
    try:
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
            if names != ["answer.json"]:
                raise InputError(
                    f"{path}: holds {', '.join(names) or 'nothing'}, wanted answer.json alone; zip it again"
                )
            return json.loads(file.read("answer.json").decode("utf-8-sig"))
    except OSError as error:
        found = error.strerror or error
        raise InputError(f"{path}: cannot be read ({found}), wanted answer.zip; check the path") from None
    except DAMAGE as error:
        raise InputError(f"{path}: damaged ({str(error)[:80]}), wanted a zip of JSON; zip it again") from None


def answer_problems(rows, images, file):
    """(problems, warnings) of an answer. images: {id: (height, width)} of the test images."""
    if not isinstance(rows, list):
        return [f"{file}: {type(rows).__name__} found, wanted a list of detections; write COCO results"], []
    problems, count, outside = [], dict.fromkeys(images, 0), 0
    for number, row in enumerate(rows):
        problem = prediction_problem(row, images, box=True)
        if problem:
            problems.append(f"{file}: row {number}: {problem}; correct the row")
        else:
            count[row["image_id"]] += 1
            outside += not 0 <= row["score"] <= 1
    for image_id, found in count.items():
        if found > CAP:
            problems.append(f"{file}: {found} detections of image {image_id}, wanted {CAP} at most; keep the surest")
    warnings = [f"{file}: no detection of image {image_id}" for image_id, found in count.items() if not found]
    if outside:  # only the order counts, and the scores that Mask Scoring R-CNN gives may leave the range
        warnings.append(f"{file}: {outside} scores outside 0 to 1")
    return problems, warnings


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
