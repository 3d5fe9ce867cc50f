"""How resume works: in which work folder a training keeps its state.

The folder is work/<run>/cells/setting<S>/<model>/seed<N>/<hash>/. The hash (binding) covers the resolved config, the
annotations, the images and the weights that the training starts from. A training with the same hash finds the folder
and goes on from the state in it (nuclei.training.resume); after any change that could change the weights the hash is
another one, so the training starts from the beginning in a folder beside the first. Two changes keep the hash: when to
validate, which does not change the weights; and more epochs under a schedule that does not depend on their number, so
that a finished training can be continued.

One process at a time holds the folder (hold_work_folder). A training can outlive the Snakemake that started it; a
second one then waits here, and finds the work done.
"""

import hashlib
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nuclei.common.files import read_json, sha256
from nuclei.common.stage import InputError
from nuclei.compute.locks import Held, hold_first_free
from nuclei.models.config_tree import training_set

if TYPE_CHECKING:
    from mmcv import Config


def training_data_sha256(config: "Config") -> str:
    """SHA-256 (hex digits) over the annotations of the training and validation sets and the images that they name.

    config: resolved mmdet Config. Raises InputError naming every image that is missing.
    """
    digest = hashlib.sha256()
    images: set[str] = set()
    for dataset in (training_set(config), config["data"]["val"]):
        digest.update(sha256(dataset["ann_file"]).encode())
        for image in read_json(dataset["ann_file"], "COCO annotations")["images"]:
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


def binding(config: "Config", data: str, weights: str | None) -> str:
    """Hash (SHA-256, hex digits) that a work folder is bound to; its first 16 digits are the folder's name.

    config: resolved mmdet Config. data: training_data_sha256. weights: SHA-256 of the weights that the training starts
    from, or None for a random start.
    """
    bound = config._cfg_dict.to_dict()
    if bound["lr_config"]["policy"] in ("step", "fixed"):  # here the number of epochs does not change the rate
        bound["runner"].pop("max_epochs")
    bound["load_from"] = weights  # the content, not the path
    bound.pop("evaluation", None)  # when to validate does not change the weights
    text = repr(sorted(bound.items()))
    return hashlib.sha256(f"{text}\n{data}".encode()).hexdigest()


def hold_work_folder(folder: Path, label: str, between: Callable[[], object]) -> Held:
    """Hold a work folder for this process; wait while another training holds it.

    label: name of the cell in the line that is printed while waiting. between(): called while waiting; may raise to
    stop. Returns the lock: the folder is held until it is closed or the process ends.
    """

    def waiting() -> str:
        return f"another training ({(folder / 'lock').read_text() or 'unknown'}) works in {folder}: waits for it"

    holder = f"process {os.getpid()} on {platform.node()}"
    return hold_first_free(["lock"], folder, waiting, label, between, holder=holder)[1]
