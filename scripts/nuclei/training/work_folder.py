"""The work folder of a training: bound to config and data by a hash, held by one process at a time."""

import hashlib
import os
import platform
from pathlib import Path

from nuclei.common.files import read_json, sha256
from nuclei.common.stage import InputError
from nuclei.compute.locks import hold_first_free
from nuclei.models.config_tree import training_set


def training_data_sha256(config):
    """SHA-256 over the annotations of the training and validation sets and over the images they name."""
    digest, images = hashlib.sha256(), set()
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


def binding(config, data, weights):
    """Hash that a work folder is bound to. More epochs of the same schedule continue the same training."""
    bound = config._cfg_dict.to_dict()
    if bound["lr_config"]["policy"] in ("step", "fixed"):
        bound["runner"].pop("max_epochs")
    bound["load_from"] = weights
    bound.pop("evaluation", None)  # when to validate does not change the weights
    text = repr(sorted(bound.items()))
    return hashlib.sha256(f"{text}\n{data}".encode()).hexdigest()


def hold_work_folder(folder, label, between):
    """Hold a work folder for this process until the returned handle is closed; wait while another training holds it.

    A training that outlives a killed Snakemake finishes its work in this way, and the next one finds it done.
    between(): called while waiting; may raise to stop.
    """

    def waiting():
        return f"another training ({(folder / 'lock').read_text() or 'unknown'}) works in {folder}: waits for it"

    _, handle = hold_first_free(["lock"], folder, waiting, label, between)
    handle.truncate(0)
    handle.write(f"process {os.getpid()} on {platform.node()}")
    handle.flush()
    return handle
