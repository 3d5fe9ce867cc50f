"""A model bundle: one zip file with all that another machine needs to use a trained model, or to train on from it.

  bundle.json   what the model is: classes, pixel size, zoom, training images with their hashes, scores, licences, and
                the SHA-256 of every other file
  config.py     the resolved config, without the places of the data
  weights.pth   the weights, without the optimizer's state
  README.md     the model card
  scores.json, training.json, checkpoint.json, …   the cell's own files, as they are

A bundle may come from anywhere. So its files are compared with their hashes, config.py is read as values alone
(nuclei.models.plain_config), and weights.pth as tensors alone (nuclei.prediction.trained_weights).
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nuclei.common.files import cache_folder, read_json, sha256, whole_file
from nuclei.common.stage import written_by
from nuclei.models.config_tree import python_text, walk
from nuclei.models.plain_config import read_plain_config
from nuclei.prediction.bundle_files import FORMAT, fetched, unpacked
from nuclei.prediction.model_card import model_card
from nuclei.prediction.trained_model import (
    TrainedModel,
    by_hash,
    chosen_threshold,
    open_cell,
    run_windows,
    seen,
    training_images,
    training_pixel_size,
    validation_file,
)

# Files of a cell that say how it was trained, chosen and scored. Those that a cell lacks are left out.
ABOUT = ("training.json", "checkpoint.json", "scores.json", "instance_scores.json")
DATE = (1980, 1, 1, 0, 0, 0)  # of every member: the same cell gives the same bytes


def without_places(config: dict[str, Any]) -> dict[str, Any]:
    """A config without paths of the machine that it was made on."""
    for node in walk(config):
        for key in ("ann_file", "img_prefix"):
            if key in node:
                node[key] = ""
    return config | {"load_from": None, "resume_from": None}


def intervals(cell: Path) -> dict[str, Any]:
    """What comparisons.json of the run says of a cell's model: {images, seeds, scores: {score: {value, low, high}}}.

    Scores are those of all test images as one, with 95 % intervals; of several seeds their means. {} where the run
    compared nothing, or not this cell, as that of a fold.
    """
    file = cell.parents[3] / "comparisons.json"
    content: dict[str, Any] = read_json(file) if file.is_file() else {"scored": False}
    with written_by("compare_cells", file):
        if not content["scored"]:
            return {}
        own = content["groups"].get(f"{cell.parts[-3]}/{cell.parts[-2]}")
        return {"images": content["images"], "seeds": content["seeds"], "scores": own["pooled"]} if own else {}


def about(cell: Path, pixel_size: float | None, licences: Mapping[str, str]) -> dict[str, Any]:
    """The content of bundle.json without the hashes of the files. See make_bundle for the arguments."""
    config = read_plain_config(cell / "config.py")
    window, overlap = run_windows(cell)
    with written_by("write_annotations", validation_file(cell)):
        zoom, side = seen(config, read_json(validation_file(cell), "COCO JSON")["images"], window)
        images = training_images(cell)
    own = {name: read_json(cell / name) for name in ABOUT if (cell / name).is_file()}
    return {
        "format": FORMAT,
        "name": f"{cell.parts[-2]}/{cell.parts[-3]}/{cell.parts[-1]}",
        "classes": list(config["data"]["test"]["classes"]),
        "pixel_size_um": pixel_size or training_pixel_size(cell),
        "zoom": zoom,
        "side_px": side,
        "overlap_px": overlap,
        "training_images": images,
        "score_threshold": chosen_threshold(cell),
        "scores": {key: value for key, value in own.get("scores.json", {}).items() if key != "per_image"},
        "intervals": intervals(cell),
        "training": own.get("training.json", {}),
        "choice": own.get("checkpoint.json", {}),
        "licences": dict(licences),
    }


def make_bundle(cell: Path, out: Path, pixel_size: float | None, licences: Mapping[str, str]) -> str:
    """Write the bundle of a cell. Returns its SHA-256.

    cell: results/<run>/cells/setting<N>/<model>/seed<N>. pixel_size: of the training images, µm; None: as their
    annotations have it, if they do. licences: {what: licence}, such as of the code and of the training images.
    InputError where a file is missing.
    """
    cell = cell.resolve()
    open_cell(cell)  # names what is missing
    content = about(cell, pixel_size, licences)
    files = {name: (cell / name).read_bytes() for name in ABOUT if (cell / name).is_file()}
    files["config.py"] = python_text(without_places(read_plain_config(cell / "config.py"))).encode()
    files["README.md"] = model_card(content).encode()
    files["weights.pth"] = tensors_alone(cell / "checkpoint.pth", content["classes"])
    content["files"] = {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}
    files["bundle.json"] = (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
    with whole_file(out) as path, zipfile.ZipFile(path, "w") as archive:
        for name in ["bundle.json", *sorted(set(files) - {"bundle.json"})]:
            member = zipfile.ZipInfo(name, DATE)
            member.compress_type = zipfile.ZIP_STORED if name == "weights.pth" else zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, files[name])
    return sha256(out)


def tensors_alone(checkpoint: Path, classes: Sequence[str]) -> bytes:
    """The weights of a checkpoint as the bytes of a file of torch.save, without the optimizer and other objects."""
    import io

    import torch

    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    state = {name: value for name, value in content["state_dict"].items() if isinstance(value, torch.Tensor)}
    buffer = io.BytesIO()
    torch.save({"state_dict": state, "meta": {"CLASSES": tuple(classes)}}, buffer)
    return buffer.getvalue()


def open_model(source: str) -> TrainedModel:
    """The model of a bundle (path or URL) or of a cell's folder, ready for nuclei.prediction.ready_model.

    InputError where it is none, where a hash differs, and where its config holds more than values.
    """
    if "://" not in source and Path(source).is_dir():
        return open_cell(Path(source))
    cache = cache_folder("bundles")
    bundle = fetched(source, cache)
    folder = unpacked(bundle, cache)
    read_plain_config(folder / "config.py")
    with written_by("tools/make_bundle.py", bundle):
        content = read_json(folder / "bundle.json")
        size = content["pixel_size_um"]
        return TrainedModel(
            str(content["name"]),
            folder / "config.py",
            folder / "weights.pth",
            content["files"]["weights.pth"],
            float(content["zoom"]),
            int(content["side_px"]),
            None if size is None else float(size),
            by_hash(content["training_images"]),
            content["score_threshold"],
            content.get("overlap_px"),  # which bundles of former versions lack
        )
