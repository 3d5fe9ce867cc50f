"""Fuse the predictions of several cells into an ensemble's: what they agree on gains, what one sees alone falls."""

import argparse
from collections import defaultdict

from nuclei.common.progress import Progress
from nuclei.common.stage import read_json, run_stage, write_json
from nuclei.prediction.fusion import as_results, from_results, fuse, soft_nms
from nuclei.scoring.average_precision import check_ground_truth, check_predictions


def fuse_predictions(members, images, soft=False, step=lambda: None):
    """Fuse COCO results as inference fuses the views of one image (nuclei.prediction.fusion.fuse).

    members: a list of COCO results with RLE masks for each cell, in the order of the config. images: those of the COCO
    JSON. soft: lower the scores of nuclei that overlap, as members often disagree on where one nucleus ends. step():
    called after each image. Returns COCO results, surest first within an image.
    """
    by_image = [defaultdict(list) for _ in members]
    for rows, own in zip(members, by_image, strict=True):
        for row in rows:
            own[row["image_id"]].append(row)
    found = []
    for image in images:
        size = image["height"], image["width"]
        nuclei = fuse([from_results(own[image["id"]]) for own in by_image], *size)
        found += as_results(soft_nms(nuclei, *size) if soft else nuclei, image["id"], *size)
        step()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", nargs="+", required=True, help="COCO results of each member, two or more")
    parser.add_argument("--test-images", required=True, help="COCO JSON of the test images")
    parser.add_argument("--soft-nms", dest="soft", action="store_true", help="lower the scores of nuclei that overlap")
    parser.add_argument("--label", default="fuse", help="name of the ensemble in progress lines")
    parser.add_argument("--out", required=True, help="predictions.json")
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
