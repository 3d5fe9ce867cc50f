"""Training images without any nucleus: from them a model learns what is no nucleus.

mmdet leaves out every image that has no annotation. So where there are such images, a training reads its data as a
TissueDataset (nuclei/training/datasets.py), which leaves out those alone whose nuclei a converter dropped, because a
model must not learn that these are none. Tiles count by the image that they are cut from: of an image with nuclei,
tiles without any stay out. Without such images the training is the same as before, its work folder included.
"""

from collections.abc import Mapping
from typing import Any

from nuclei.common.files import read_json
from nuclei.models.config_tree import Tree, training_set


def source(image: Mapping[str, Any]) -> str:
    """Id of the image that a row of `images` is, or is a tile of: <id>/images/<id>.png or <id>/<left>_<top>.png."""
    return str(image["file_name"]).split("/")[0]


def negatives(content: Mapping[str, Any]) -> set[int]:
    """Ids of the images, or tiles of images, in which the masks show no nucleus at all. content: COCO annotations."""
    annotated = {row["image_id"] for row in content["annotations"]}
    known = {source(image) for image in content["images"] if image["id"] in annotated}
    known |= {row["image"] for row in content.get("info", {}).get("dropped", []) if row["nucleus_dropped"]}
    return {image["id"] for image in content["images"] if source(image) not in known}


def train_on_negatives(config: Tree) -> None:
    """Let a resolved mmdet config take the negatives among its training images, in place; nothing where there are none.

    An option filter_empty_gt of the config's own stands. Call it before work_folder.binding: weights that were trained
    without the negatives are of another training.
    """
    dataset = training_set(config)
    own = dataset.get("type") != "CocoDataset" or "filter_empty_gt" in dataset
    if not own and negatives(read_json(dataset["ann_file"], "COCO annotations")):
        dataset["type"] = "TissueDataset"
