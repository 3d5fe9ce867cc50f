"""A trained model to predict with, and at which zoom: a cell's folder, or what nuclei.prediction.bundles unpacked.

A detector works at the size at which nuclei were shown to it. mmdet resizes each image to `img_scale`, so images of
another size than those of the training would be shown at another zoom. A model therefore says its zoom (px that the
detector sees per px of an image), the pixel size of its images, and how large an image it saw at once; images of other
sizes and pixel sizes are shown to it in windows and at a scale that give the same. Where its run looked at images
through windows (inference.window), as those that train on tiles do, it is these windows that count.
"""

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nuclei.common.files import read_json, sha256
from nuclei.common.stage import InputError, written_by
from nuclei.data.pixel_sizes import median_pixel_size
from nuclei.models.plain_config import read_plain_config

if TYPE_CHECKING:
    from nuclei.data.image_files import ImageFile


FAR = 1.2  # pixel sizes that differ by a larger factor are worth a warning


@dataclass(frozen=True)
class TrainedModel:
    """A model: its files, and how it saw its images."""

    name: str
    config: Path  # config.py
    weights: Path
    weights_sha256: str
    zoom: float  # px that the detector sees per px of an image
    side: int  # longer side of the images, or of the windows of images, that it saw at once, px
    pixel_size: float | None  # of these images, µm; None where it is not known
    trained_on: Mapping[str, str]  # {SHA-256 of file or colours: name} of its training and validation images
    threshold: float | None  # score from which a detection counts, chosen on validation images; None: none was chosen
    overlap: int | None = None  # of the windows of its run, px; None where its run looked at whole images


def test_scale(config: Mapping[str, Any]) -> tuple[int, int]:
    """(longer, shorter) side that the test images of a config are resized to, px."""
    (step,) = [step for step in config["data"]["test"]["pipeline"] if step["type"] == "MultiScaleFlipAug"]
    sides = step["img_scale"]
    return max(sides), min(sides)


def fitting(scale: tuple[int, int], width: float, height: float) -> float:
    """Factor by which mmdet enlarges an image that it fits into `scale` (longer, shorter side), px."""
    return min(max(scale) / max(width, height), min(scale) / min(width, height))


def run_windows(cell: Path) -> tuple[int | None, int | None]:
    """(side, overlap) of the windows through which a cell's run looks at its test and validation images, px.

    They stand in the config in the run's manifest. (None, None) where the run looks at whole images, or has not ended.
    """
    file = cell.parents[3] / "manifest.json"
    with written_by("write_manifest", file):
        look = read_json(file)["config"].get("inference", {}) if file.is_file() else {}
        return (int(look["window"]), int(look["overlap"])) if look.get("window") else (None, None)


def seen(
    config: Mapping[str, Any], images: Iterable[Mapping[str, Any]], window: int | None = None
) -> tuple[float, int]:
    """(zoom, side) at which a model sees images; the medians where they differ.

    images: with width and height, px. window: side of the windows that larger images are cut into, px; None: none is.
    """
    most = window or math.inf
    sizes = [(min(image["width"], most), min(image["height"], most)) for image in images]
    zoom = statistics.median(fitting(test_scale(config), *size) for size in sizes)
    return zoom, round(statistics.median(max(size) for size in sizes))


def validation_file(cell: Path) -> Path:
    """COCO JSON of the images that a cell of a run was validated on."""
    return cell.parents[3] / "data/annotations" / cell.parents[1].name / "validation.json"


def training_images(cell: Path) -> list[dict[str, str]]:
    """Name and SHA-256 of each image that a cell was trained or validated on; "" where its run kept no hash.

    The file is that of the raw data. Of imported images it was made of the user's own, which is known by its colours:
    "pixels_sha256" is their hash, where imported.json of the run has it.
    """
    found = {}
    for name in ("train.json", "validation.json"):
        for image in read_json(validation_file(cell).with_name(name), "COCO JSON")["images"]:
            found[image["file_name"]] = {"sha256": image.get("sha256") or ""}
    imported = cell.parents[3] / "data/imported.json"
    with written_by("import_raw", imported):
        rows = read_json(imported)["images"] if imported.is_file() else []
        pixels = {row["id"]: row.get("pixels_sha256") for row in rows if row["set"] == "train"}
    for name, image in found.items():
        if known := pixels.get(name.split("/")[0]):
            image["pixels_sha256"] = known
    return [{"file_name": name, **found[name]} for name in sorted(found)]


def training_pixel_size(cell: Path) -> float | None:
    """Median pixel size, µm, of the images that a cell was trained on, where their annotations have one."""
    file = validation_file(cell).with_name("train.json")
    return median_pixel_size(read_json(file, "COCO JSON")["images"])


def by_hash(images: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """{SHA-256: name} of the images that `training_images` gives: of their files and of their colours."""
    pairs = [(image.get(key), image["file_name"]) for image in images for key in ("sha256", "pixels_sha256")]
    return {str(digits): str(name) for digits, name in pairs if digits}


def chosen_threshold(cell: Path) -> float | None:
    """The score threshold of a cell, where its run scored instances (scoring.instances), else None."""
    file = cell / "instance_scores.json"
    return read_json(file)["threshold"]["value"] if file.is_file() else None


def open_cell(cell: Path) -> TrainedModel:
    """The model in the folder of a cell, <run>/cells/setting<N>/<model>/seed<N>. InputError where a file is missing."""
    cell = cell.resolve()
    images = validation_file(cell)
    paths = [cell / "config.py", cell / "checkpoint.pth", images.with_name("train.json"), images]
    missing = [
        f"{path}: not found, wanted it for the model {cell}; name a cell of a finished run, or a bundle"
        for path in paths
        if not path.is_file()
    ]
    if missing:
        raise InputError(*missing)
    config, weights = paths[:2]
    window, overlap = run_windows(cell)
    with written_by("write_annotations", images):
        zoom, side = seen(read_plain_config(config), read_json(images, "COCO JSON")["images"], window)
        trained_on, pixel_size = by_hash(training_images(cell)), training_pixel_size(cell)
    with written_by("score_instances", cell / "instance_scores.json"):
        threshold = chosen_threshold(cell)
    name = "/".join(cell.parts[-2:])
    return TrainedModel(name, config, weights, sha256(weights), zoom, side, pixel_size, trained_on, threshold, overlap)


def finer(model: TrainedModel, image: "ImageFile", pixel_size: float | None) -> float:
    """How many px of the model's images one px of an image is: 2 for an image of twice the model's pixel size.

    pixel_size: of images whose file tells none, µm. 1 where one of both is not known.
    """
    own = image.pixel_size or pixel_size
    return own / model.pixel_size if own and model.pixel_size else 1.0


def zoom_warning(model: TrainedModel, image: "ImageFile", pixel_size: float | None) -> str | None:
    """The warning about an image whose pixel size differs from the model's by more than 20 %, or None.

    pixel_size: as in finer(). Such an image is enlarged or reduced so that its nuclei look as large as those of the
    training, but detail that it does not hold does not come back.
    """
    more = finer(model, image, pixel_size)
    if 1 / FAR <= more <= FAR:
        return None
    own, change = image.pixel_size or pixel_size, f"enlarged {more:.2g}" if more > 1 else f"reduced {1 / more:.2g}"
    return (
        f"{image.path}: {own:.4g} µm per px found, the model's training images have {model.pixel_size:.4g}; the "
        f"image is {change} times, check that its nuclei are found"
    )
