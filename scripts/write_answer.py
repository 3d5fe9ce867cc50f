"""Write the competition's answer of one cell or ensemble, and read it again to check it.

It reads the predictions (COCO results), the COCO JSON of the test images, and test_img_ids.json. It writes answer.json,
the 100 detections of highest score of each test image, and answer.zip, which contains answer.json alone.
"""

import argparse
import sys
from pathlib import Path

from nuclei.coco.checks import check_ground_truth, check_predictions
from nuclei.common.files import read_json, write_json
from nuclei.common.stage import InputError, run_stage
from nuclei.prediction.answers import answer, check_answer, write_zip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", required=True, help="COCO results of the test images, with boxes")
    parser.add_argument("--test-images", required=True, help="COCO JSON of the test images")
    parser.add_argument("--test-img-ids", required=True, help="test_img_ids.json, which the answer is checked against")
    parser.add_argument("--out", required=True, help="where to write answer.json")
    parser.add_argument("--zip", required=True, help="where to write answer.zip")
    args = parser.parse_args()
    rows, images = read_json(args.predictions, "COCO results"), read_json(args.test_images, "COCO JSON")
    check_ground_truth(images, args.test_images)
    check_predictions(rows, images, args.predictions, box=True)
    if len(images["categories"]) > 1:
        names = ", ".join(row["name"] for row in images["categories"])
        print(f"warning: {args.out}: the classes {names} become one, the only one of the competition", file=sys.stderr)
    write_json(args.out, answer(rows), indent=None)
    write_zip(args.zip, args.out)
    try:
        for line in check_answer(args.zip, args.test_img_ids):
            print(line, file=sys.stderr)
    except InputError:
        for path in (args.out, args.zip):  # an answer of the wrong form is none
            Path(path).unlink()
        raise


if __name__ == "__main__":
    run_stage(main)
