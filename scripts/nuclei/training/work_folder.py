"""How resume works: in which work folder a training keeps its state.

The folder is work/<run>/cells/setting<S>/<model>/seed<N>/<hash>/. The hash (binding) covers what the weights depend on:
the recipe in the resolved config, the content of the annotations and images, and the weights that the training starts
from. A training with the same hash finds the folder and goes on from the state in it (nuclei.training.resume); after
any change that could change the weights the hash is another one, so the training starts from the beginning in a folder
beside the first. What does not reach the weights keeps the hash: where the data lie, when and how validation and test
look at images, and what mmcv writes down. More epochs keep it too under a schedule that does not depend on their
number, so that a finished training can be continued.

One process at a time holds the folder (hold_work_folder). A training can outlive the Snakemake that started it; a
second one then waits here, and finds the work done.
"""

import copy
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuclei.coco.types import PIXEL_SIZE
from nuclei.common.files import json_text, read_json, sha256
from nuclei.common.stage import InputError
from nuclei.compute.lock_state import this_process
from nuclei.compute.locks import Held, hold_first_free
from nuclei.models.config_tree import Tree, training_set

if TYPE_CHECKING:
    from mmcv import Config

# Form of the saved state, which is counted up where an older state cannot be read any more.
STATE = 2

# Keys of a config that do not reach the weights: when to validate; which modules to import, whose steps the pipelines
# name; and what mmcv writes, where, and with how many machines it could.
NOT_BOUND = (
    "evaluation",
    "custom_imports",
    "work_dir",
    "log_level",
    "log_config",
    "checkpoint_config",
    "workflow",
    "dist_params",
    "resume_from",
)


def annotations_sha256(file: str, content: dict[str, Any]) -> str:
    """SHA-256 of a file of annotations as it would be without pixel sizes, on which no weight depends."""
    if not any(PIXEL_SIZE in image for image in content["images"]):
        return sha256(file)
    images = [{key: value for key, value in image.items() if key != PIXEL_SIZE} for image in content["images"]]
    return hashlib.sha256(json_text({**content, "images": images}, None).encode()).hexdigest()


def training_data_sha256(config: "Config") -> str:
    """SHA-256 (hex digits) over the annotations of the training and validation sets and the images that they name.

    config: resolved mmdet Config. Raises InputError naming every image that is missing.
    """
    digest = hashlib.sha256()
    images: set[str] = set()
    for dataset in (training_set(config), config["data"]["val"]):
        content = read_json(dataset["ann_file"], "COCO annotations")
        digest.update(annotations_sha256(dataset["ann_file"], content).encode())
        for image in content["images"]:
            images.add(os.path.join(dataset["img_prefix"], image["file_name"]))
    missing = [
        f"{path}: not found, wanted an image; make the data again"
        for path in sorted(images)
        if not Path(path).is_file()
    ]
    if missing:
        raise InputError(*missing)
    for path in sorted(images):
        digest.update(sha256(path).encode())
    return digest.hexdigest()


def recipe(config: Tree) -> Tree:
    """What of a resolved config the weights depend on, beside the content of the data and the weights to start from."""
    bound = copy.deepcopy({key: value for key, value in config.items() if key not in NOT_BOUND})
    bound["data"] = {key: value for key, value in bound["data"].items() if key not in ("val", "test")}
    for key in ("ann_file", "img_prefix"):  # the place of the data, whose content counts by itself
        training_set(bound).pop(key, None)
    model = bound.get("model") or {}
    test, train = model.pop("test_cfg", None) or {}, model.get("train_cfg") or {}
    if "rpn_proposal" not in train and "rpn" in test:
        model["test_cfg"] = {"rpn": test["rpn"]}  # mmdet's two-stage detectors then train on proposals made by this
    bound.pop("load_from", None)
    if bound["lr_config"]["policy"] in ("step", "fixed"):  # here the number of epochs does not change the rate
        bound["runner"].pop("max_epochs")
    return bound


def hashed(value: object) -> str:
    """SHA-256 (hex digits) of a value as JSON with sorted keys, in which lists and tuples are the same."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def binding(config: "Config", data: str, weights: str | None) -> str:
    """Hash (SHA-256, hex digits) that a work folder is bound to; its first 16 digits are the folder's name.

    config: resolved mmdet Config. data: training_data_sha256. weights: SHA-256 of the weights that the training starts
    from, or None for a random start. What is hashed is JSON with sorted keys, so that the order of keys and the form of
    a list (list or tuple) count for nothing.
    """
    return hashed({"state": STATE, "config": recipe(config._cfg_dict.to_dict()), "data": data, "weights": weights})


def hold_work_folder(folder: Path, label: str, between: Callable[[], object]) -> Held:
    """Hold a work folder for this process; wait while another training holds it.

    label: name of the cell in the line that is printed while waiting. between(): called while waiting; may raise to
    stop. Returns the lock: the folder is held until it is closed or the process ends.
    """

    def waiting() -> str:
        return f"another training ({(folder / 'lock').read_text() or 'unknown'}) works in {folder}: waits for it"

    return hold_first_free(["lock"], folder, waiting, label, between, holder=this_process())[1]
