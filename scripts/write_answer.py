"""The competition's answer: the surest detections of each test image, as answer.json and answer.zip."""

import argparse
import zipfile

from nuclei.common.stage import read_json, run_stage, whole_file, write_json
from nuclei.scoring.average_precision import check_ground_truth, check_predictions

CAP = 100  # detections an image that the competition takes


def answer(rows, cap=CAP):
    """The `cap` rows of highest score of each image, by image and falling score; ties keep their order."""
    chosen = []
    for image_id in sorted({row["image_id"] for row in rows}):
        own = [row for row in rows if row["image_id"] == image_id]
        chosen += sorted(own, key=lambda row: -row["score"])[:cap]
    keys = ("image_id", "bbox", "score", "category_id", "segmentation")
    return [{key: row[key] for key in keys} for row in chosen]


def write_zip(path, source):
    """A zip holding `source` as answer.json; equal content gives equal bytes."""
    with whole_file(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file:
        entry = zipfile.ZipInfo("answer.json", (1980, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        with open(source, "rb") as content:
            file.writestr(entry, content.read())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", required=True, help="COCO results")
    parser.add_argument("--test-images", required=True, help="COCO JSON of the test images")
    parser.add_argument("--out", required=True, help="answer.json")
    parser.add_argument("--zip", required=True, help="answer.zip")
    args = parser.parse_args()
    rows, images = read_json(args.predictions, "COCO results"), read_json(args.test_images, "COCO JSON")
    check_ground_truth(images, args.test_images)
    check_predictions(rows, images, args.predictions, box=True)
    write_json(args.out, answer(rows), indent=None)
    write_zip(args.zip, args.out)


if __name__ == "__main__":
    run_stage(main)
