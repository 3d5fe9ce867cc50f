"""Score predictions against the true nuclei: the report's metric and its ceiling, AP at two caps, by image."""

import argparse

from nuclei.coco.checks import check_ground_truth, check_predictions
from nuclei.common.files import read_json, write_json
from nuclei.common.stage import run_stage
from nuclei.scoring.average_precision import score


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ground-truth", required=True, help="COCO JSON")
    parser.add_argument("--predictions", required=True, help="COCO results")
    parser.add_argument("--out", required=True, help="scores.json")
    args = parser.parse_args()
    truth = read_json(args.ground_truth, "COCO JSON")
    check_ground_truth(truth, args.ground_truth)
    predictions = read_json(args.predictions, "COCO results")
    check_predictions(predictions, truth, args.predictions)
    write_json(args.out, score(truth, predictions))


if __name__ == "__main__":
    run_stage(main)
