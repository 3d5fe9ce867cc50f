"""Check whether a training saw the test images: by name, file, pixels, and by the tissue that they show.

It reads the training and test images of the raw data and, where a training goes on from a model bundle, the names and
hashes of the images that its model was trained on. It writes leaks.json. A leak is a warning and stands under the
tables; it stops nothing.
"""

import argparse
import sys
from pathlib import Path

from nuclei.common.files import cache_folder, read_json, write_json
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError, run_stage, written_by
from nuclei.data.leaks import Known, find_leaks, look_at
from nuclei.data.raw_layout import read_layout
from nuclei.data.same_tissue import points_for
from nuclei.prediction.bundle_files import fetched, unpacked


def known_images(bundle: str) -> list[Known]:
    """The images that a bundle's model was trained on."""
    cache = cache_folder("bundles")
    path = unpacked(fetched(bundle, cache), cache) / "bundle.json"
    content = read_json(path, "a model bundle")
    with written_by("tools/make_bundle.py", bundle):
        return [Known(Path(row["file_name"]).stem, row["sha256"]) for row in content["training_images"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, help="folder with train/, test/, test_img_ids.json")
    parser.add_argument("--bundle", help="model bundle (path, or URL with its hash) that trainings go on from")
    parser.add_argument("--out", required=True, help="where to write leaks.json")
    args = parser.parse_args()
    images, _, problems = read_layout(args.dataset)
    if problems:
        raise InputError(*problems)
    tests, trained = ([image for image in images if image.set == name] for name in ("test", "train"))
    points = points_for(len(tests) * len(trained))
    groups: list[tuple[str, list[Known]]] = []
    groups.append(("this run", [look_at(image.file, image.id, False, points) for image in trained]))
    if args.bundle:
        groups.append((f"the model of {Path(args.bundle).name}", known_images(args.bundle)))
    progress = Progress("leaks", len(tests), "images")
    leaks = list(find_leaks((look_at(image.file, image.id, True, points) for image in tests), groups, progress.step))
    progress.close()
    compared = {seen_by: len(known) for seen_by, known in groups}
    write_json(args.out, {"test_images": len(tests), "compared_with": compared, "leaks": leaks})
    for leak in leaks:
        print(
            f"warning: test image {leak['test']}: {leak['how']} as {leak['seen']}, a training image of "
            f"{leak['seen_by']}; its scores say nothing of new images",
            file=sys.stderr,
        )


if __name__ == "__main__":
    run_stage(main)
