"""Training images that mmdet takes no part of: it leaves them out without a word."""

from collections.abc import Iterator
from typing import Any

MIN_SIDE = 32  # px; mmdet 2.28.2, datasets/coco.py, _filter_imgs


def left_out(dataset: Any) -> Iterator[str]:
    """Yield a line for each image of the annotations on which a model is not trained, with the reason.

    dataset: mmdet's training data set, perhaps within a RepeatDataset. mmdet leaves out images with a side below 32 px
    and images without any annotation, of which nuclei/training/negatives.py keeps those that have no nucleus: those all
    of whose nuclei the converter dropped stay out, and tiles without a nucleus of an image that has some.
    """
    while hasattr(dataset, "dataset"):
        dataset = dataset.dataset
    kept = {row["id"] for row in dataset.data_infos}
    content = dataset.coco.dataset
    lost = {row["image"] for row in content.get("info", {}).get("dropped", []) if row["nucleus_dropped"]}
    for image in content["images"]:
        if image["id"] not in kept:
            name, width, height = image["file_name"], image["width"], image["height"]
            if min(width, height) < MIN_SIDE:
                reason = f"{width}x{height} px, wanted {MIN_SIDE} px a side at least"
            elif name.split("/")[0] in lost:
                reason = "the converter dropped its nuclei; conversion.method exact drops none"
            else:
                reason = "no nucleus in it"
            yield f"{name} takes no part in the training: {reason}"
