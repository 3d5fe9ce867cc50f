"""Score the segmentation of one cell: beyond AP, in each image and organ, and with every error by name.

It reads the true nuclei of the test images (COCO JSON), the cell's predictions on them, and organs.tsv. It also reads
predictions on validation images with their true nuclei, on which it chooses the score from which detections count;
without them all detections count. It writes instance_scores.json (the scores), image_statistics.json (what they are
computed from, for comparisons), and errors.csv (every nucleus and every detection, and what it is).
"""

import argparse
from typing import Any

from nuclei.coco.checks import check_ground_truth, check_predictions
from nuclei.coco.types import Content
from nuclei.common.files import read_json, write_json, write_text
from nuclei.common.stage import InputError, run_stage, written_by
from nuclei.data.settings import subset
from nuclei.scoring.error_file import as_csv
from nuclei.scoring.instance_scores import Threshold, choose_threshold, measure, not_scored
from nuclei.scoring.organs import read_organs


def read_truth(path: str) -> Content:
    """A COCO ground truth, checked."""
    truth: Content = read_json(path, "COCO JSON")
    check_ground_truth(truth, path)
    return truth


def validated(args: argparse.Namespace) -> Threshold:
    """The threshold that the validation images give, or none without them."""
    if not args.validation_predictions:
        return {"value": None, "chosen_on": "nothing: every detection counts", "pq": None}
    if not args.validation_truth:
        raise InputError("--validation-predictions: given without --validation-truth, wanted both or none; add it")
    truth, where = read_truth(args.validation_truth), args.chosen_on
    if args.split:
        with written_by("make_split.py", args.split):
            truth = subset(truth, set(read_json(args.split)["validation"]))
    rows = read_json(args.validation_predictions, "COCO results")
    check_predictions(rows, truth, args.validation_predictions)
    where += f": {len(truth['images'])} images, {len(truth['annotations'])} nuclei"
    return choose_threshold(truth, rows, where)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ground-truth", required=True, help="COCO JSON of the test images with their true nuclei")
    parser.add_argument("--predictions", required=True, help="COCO results of the test images")
    parser.add_argument("--organs", required=True, help="organs.tsv, the organ of each image")
    parser.add_argument("--validation-predictions", help="COCO results of validation images, by the same model")
    parser.add_argument("--validation-truth", help="COCO JSON with the true nuclei of the validation images")
    parser.add_argument("--split", help="split.json: only its validation images are taken of --validation-truth")
    parser.add_argument("--chosen-on", default="validation images", help="what the validation images are, in words")
    parser.add_argument("--out", required=True, help="where to write instance_scores.json")
    parser.add_argument("--out-statistics", required=True, help="where to write image_statistics.json")
    parser.add_argument("--out-errors", required=True, help="where to write errors.csv")
    args = parser.parse_args()
    truth, organs = read_truth(args.ground_truth), read_organs(args.organs)
    predictions = read_json(args.predictions, "COCO results")
    check_predictions(predictions, truth, args.predictions)
    threshold = validated(args)
    scores: Any
    if truth["annotations"]:
        found = measure(truth, predictions, threshold, organs)
        scores, statistics, errors = found.scores, [image.row() for image in found.statistics], found.errors
    else:
        scores, statistics, errors = {**not_scored(truth, predictions), "threshold": threshold}, [], []
    write_json(args.out_statistics, statistics, indent=None)
    write_text(args.out_errors, as_csv(errors))
    write_json(args.out, scores)


if __name__ == "__main__":
    run_stage(main)
