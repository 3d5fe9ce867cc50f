"""What is kept of each image that was predicted on: its record, by which a second start knows that nothing is to do.

The record, `<image>.nuclei.json` beside the image's files, is written last. It names what the files were made of, and
the hash of each, so that it leads from each number back to the model.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nuclei.common.files import read_json, sha256, write_json, write_text
from nuclei.common.stage import InputError
from nuclei.data.image_files import ImageFile, open_slide
from nuclei.data.pictures import TIFFS, pixels_sha256, read_picture
from nuclei.export.forms import files_of
from nuclei.prediction.trained_model import TrainedModel
from nuclei.workflow.code_hash import code_hash, local_modules
from nuclei.workflow.image_list import wants_a_job

COLUMNS = ("image", "result", "nuclei", "width", "height", "downsample", "pixel_size_um", "seconds", "problem")

LARGEST = 2**26  # px of a slide whose colours are compared, 8,192 a side: for that it is read whole


def code_state(script: str) -> str:
    """A hash of a stage's code and of all modules that it imports."""
    text = "".join(code_hash(path) for path in local_modules(script))
    return hashlib.sha256(text.encode()).hexdigest()


def trained_on(image: Path, digits: str, model: TrainedModel) -> str | None:
    """The name under which a model was trained or validated on an image, by its file or its colours; None: it was not.

    digits: SHA-256 of the file. Colours are compared of files that are read whole, not of large slides.
    """
    if digits in model.trained_on or not model.trained_on or wants_a_job(image):
        return model.trained_on.get(digits)
    try:
        slide = open_slide(image, None) if image.suffix.lower() in TIFFS else None
        if slide and slide.width * slide.height > LARGEST:
            return None
        return model.trained_on.get(pixels_sha256(read_picture(image).array))
    except InputError:  # which says nothing of the training; whether it can be read is asked elsewhere
        return None


def state_of(image: Path, model: TrainedModel, options: Mapping[str, Any], code: str) -> dict[str, Any]:
    """All that the nuclei of an image depend on. options: of the looks, as JSON values.

    Beside it stands the name under which the model was trained or validated on the image; None where it was not.
    """
    digits = sha256(image)
    found = {"image": image.name, "image_sha256": digits, "trained_on": trained_on(image, digits, model)}
    found["model"] = model.name
    sees = {"zoom": model.zoom, "side": model.side, "overlap": model.overlap, "pixel_size": model.pixel_size}
    about = {"model_sha256": model.weights_sha256, "model_sees": sees}
    return {**found, **about, "options": dict(options), "code_sha256": code}


def short(state: Mapping[str, Any]) -> str:
    """A name for a state: 16 hex digits of its SHA-256."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:16]


def record_file(folder: Path, image: Path) -> Path:
    """Where the record of an image stands."""
    return folder / f"{image.stem}.nuclei.json"


def finished(folder: Path, image: Path, state: Mapping[str, Any], forms: Iterable[str]) -> dict[str, Any] | None:
    """The record of an image whose files of all forms are there, made of `state`; None where it is to be done."""
    try:
        record: dict[str, Any] = read_json(record_file(folder, image))
    except InputError:
        return None
    there = all(path.exists() for path in files_of(folder, image, forms))
    wanted = {path.name for path in files_of(folder, image, forms)}
    known = isinstance(record, dict) and record.get("state") == dict(state) and wanted <= set(record.get("files", []))
    return record if there and known else None


def write_record(
    folder: Path,
    image: ImageFile,
    state: Mapping[str, Any],
    forms: Sequence[str],
    count: int,
    seconds: float,
    problem: str | None = None,
) -> dict[str, Any]:
    """Write and return the record of an image whose files are complete. count: of nuclei. problem: of a warning."""
    files = {
        path.name: sha256(path) if path.is_file() else None  # OME-Zarr is a folder
        for path in files_of(folder, image.path, forms)
    }
    record = {
        "state": dict(state),
        "files": files,
        "nuclei": count,
        "width": image.width,
        "height": image.height,
        "downsample": image.downsample,
        "pixel_size_um": image.pixel_size,
        "seconds": round(seconds, 1),
    }
    if problem:
        record["problem"] = problem
    write_json(record_file(folder, image.path), record)
    return record


def write_skipped(folder: Path, image: Path, state: Mapping[str, Any], problem: str) -> None:
    """Write the record of an image that was skipped: it names no file, so that a second start tries the image again."""
    write_json(record_file(folder, image), {"state": dict(state), "files": {}, "problem": problem})


def write_list(
    path: Path, images: Sequence[Path], records: Mapping[Path, Mapping[str, Any]], bad: Mapping[Path, str]
) -> None:
    """Write the list of all images: a row each, tab-separated, with what came out or why it was skipped."""
    lines = ["\t".join(COLUMNS)]
    for image in images:
        values = (
            {"image": image.name, "result": "skipped", "problem": bad[image]}
            if image in bad
            else {
                **records[image],
                "image": image.name,
                "result": "done",
            }
        )
        texts = ["" if values.get(name) is None else str(values[name]) for name in COLUMNS]
        lines.append(
            "\t".join(
                " ".join(text.split()) if name != "image" else text for name, text in zip(COLUMNS, texts, strict=True)
            )
        )
    write_text(path, "\n".join([*lines, ""]))
