"""Score the predictions of several epochs of one cell on the test images, beside the validation scores of these epochs.

It reads epoch_predictions.json, epochs.tsv and the true nuclei of the test images (COCO JSON). It writes
epoch_scores.json: AP at both caps of each epoch, on the validation and on the test images, and what an interval of them
is computed from. Nothing is chosen by them.
"""

import argparse

from nuclei.coco.checks import check_ground_truth, check_predictions
from nuclei.common.files import read_json, write_json
from nuclei.common.stage import run_stage, written_by
from nuclei.scoring.epoch_scores import score_epoch
from nuclei.training.selection import read_epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ground-truth", required=True, help="COCO JSON of the test images with their true nuclei")
    parser.add_argument("--predictions", required=True, help="epoch_predictions.json of the cell")
    parser.add_argument("--epochs", required=True, help="epochs.tsv, the validation scores by epoch")
    parser.add_argument("--out", required=True, help="where to write epoch_scores.json")
    args = parser.parse_args()
    truth = read_json(args.ground_truth, "COCO JSON")
    check_ground_truth(truth, args.ground_truth)
    validation = {row["epoch"]: row for row in read_epochs(args.epochs)}
    found = read_json(args.predictions, "what predict_epochs.py writes")
    with written_by("predict_epochs.py", args.predictions):
        given = [(int(row["epoch"]), row["results"], validation[row["epoch"]]) for row in found]
    for epoch, results, _ in given:
        check_predictions(results, truth, f"{args.predictions}, epoch {epoch}")
    scores = [score_epoch(truth, *row) for row in given] if truth["annotations"] else []
    write_json(args.out, scores, indent=None)


if __name__ == "__main__":
    run_stage(main)
