"""Score the predictions of one cell or ensemble against the true nuclei.

It reads the true nuclei (COCO JSON) and the predictions (COCO results). It writes scores.json: the report's metric and
the largest value that this metric can reach, AP, AP50 and AP75 at both caps, and the same for each image.
"""

import argparse

from nuclei.coco.checks import check_ground_truth, check_predictions
from nuclei.common.files import read_json, write_json
from nuclei.common.stage import run_stage
from nuclei.scoring.average_precision import score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ground-truth", required=True, help="COCO JSON of the test images with their true nuclei")
    parser.add_argument("--predictions", required=True, help="COCO results of the test images")
    parser.add_argument("--out", required=True, help="where to write scores.json")
    args = parser.parse_args()
    truth = read_json(args.ground_truth, "COCO JSON")
    check_ground_truth(truth, args.ground_truth)
    predictions = read_json(args.predictions, "COCO results")
    check_predictions(predictions, truth, args.predictions)
    write_json(args.out, score(truth, predictions))


if __name__ == "__main__":
    run_stage(main)
