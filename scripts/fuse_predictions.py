"""Fuse the predictions of several cells of one setting into those of an ensemble.

It reads the predictions (COCO results) of each member and the COCO JSON of the test images. It writes the ensemble's
predictions.json. Detections of one nucleus (mask IoU 0.5 or more) become one, with their mean mask and their mean
score, in which a member that missed the nucleus counts as 0.
"""

import argparse

from nuclei.coco.checks import check_ground_truth, check_predictions
from nuclei.common.files import read_json, write_json
from nuclei.common.progress import Progress
from nuclei.common.stage import run_stage
from nuclei.prediction.ensembles import fuse_predictions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", nargs="+", required=True, help="COCO results of each member, two or more")
    parser.add_argument("--test-images", required=True, help="COCO JSON of the test images")
    parser.add_argument("--soft-nms", dest="soft", action="store_true", help="lower the scores of nuclei that overlap")
    parser.add_argument("--label", default="fuse", help="name of the ensemble in progress lines")
    parser.add_argument("--out", required=True, help="where to write predictions.json")
    args = parser.parse_args()
    images = read_json(args.test_images, "COCO JSON")
    check_ground_truth(images, args.test_images)
    members = [read_json(path, "COCO results") for path in args.predictions]
    for rows, path in zip(members, args.predictions, strict=True):
        check_predictions(rows, images, path, box=True)
    progress = Progress(args.label, len(images["images"]), "images")
    write_json(args.out, fuse_predictions(members, images["images"], args.soft, progress.step), indent=None)
    progress.close()


if __name__ == "__main__":
    run_stage(main)
