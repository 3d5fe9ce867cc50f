"""Draw the predicted and the true nuclei of one cell over the test images.

It reads the test images, their true nuclei (COCO JSON) and the cell's predictions (COCO results). It writes one picture
of the first test images: nuclei that were found, nuclei that were missed, and predictions that match no nucleus. With
instance_scores.json it draws the predictions from the score threshold on, without it the 100 surest of each image.
"""

import argparse

from nuclei.coco.checks import check_ground_truth, check_predictions
from nuclei.common.files import read_json, whole_file
from nuclei.common.stage import run_stage, written_by
from nuclei.report.overlays import draw, encode_picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test-images", required=True, help="folder of the test images")
    parser.add_argument(
        "--ground-truth", required=True, help="COCO JSON of the test images; without nuclei only predictions are drawn"
    )
    parser.add_argument("--predictions", required=True, help="COCO results of the cell")
    parser.add_argument("--scores", help="instance_scores.json of the cell, for its score threshold")
    parser.add_argument("--out", required=True, help="where to write the picture, a JPEG or PNG")
    args = parser.parse_args()
    content, rows = read_json(args.ground_truth, "COCO JSON"), read_json(args.predictions, "COCO results")
    check_ground_truth(content, args.ground_truth)
    check_predictions(rows, content, args.predictions)
    threshold = None
    if args.scores:
        scores = read_json(args.scores, "what score_instances.py writes")
        with written_by("score_instances.py", args.scores):
            threshold = None if scores["threshold"]["value"] is None else float(scores["threshold"]["value"])
    with whole_file(args.out) as temporary:
        # encoded first: where the disk is full, cv2.imwrite removes its file and says nothing
        picture = draw(args.test_images, content, rows, threshold)
        temporary.write_bytes(encode_picture(picture, temporary.suffix))


if __name__ == "__main__":
    run_stage(main)
