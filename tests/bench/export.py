"""Nuclei of new images: prediction beside scripts/predict.py, and the time to write many nuclei in each form."""

import json
import shutil

import cv2
import numpy as np
from conftest import ROOT
from pycocotools import mask as coco_mask

from bench.inference import by_tool, cell, predicted, run
from bench.rows import below, faster, require, timed, within
from nuclei.coco.rle import bounding_box
from nuclei.data.conversion import convert
from nuclei.data.image_files import OrdinaryImage
from nuclei.data.raw_layout import read_layout
from nuclei.export.forms import FORMS, write_forms
from nuclei.export.measurements import measure
from nuclei.prediction.instances import Nucleus

MANY, SIDE = 100_000, 8000  # nuclei, side of the image that they lie in, px
PIXEL_SIZE = 0.25  # µm, of the real images
LIMIT = 30  # s for a form of MANY nuclei


def run_folder(material, config, weights, content, name="export"):
    """The cell of bench.inference, laid out as in the run `name`."""
    folder = material.scratch / f"{name}/cells/setting1/mask_r50/seed0"
    annotations = folder.parents[3] / "data/annotations/setting1"
    folder.mkdir(parents=True)
    annotations.mkdir(parents=True)
    shutil.copy(config, folder / "config.py")
    shutil.copy(weights, folder / "checkpoint.pth")
    for name in ("train", "validation"):
        (annotations / f"{name}.json").write_text(json.dumps(content))
    return folder


def by_new_images(model, images, out):
    """Nuclei of each image by scripts/predict_images.py."""
    words = ["--model", model, "--images", *images, "--device", "cpu", "--forms", "geojson", "table"]
    run(ROOT / "scripts/predict_images.py", *words, "--out-dir", out, "--work", out / "work")
    return [json.loads((out / f"{image.stem}.nuclei.json").read_text())["nuclei"] for image in images]


def many():
    """(image, MANY measured ellipses of the size of nuclei, at random places)."""
    random, nuclei = np.random.default_rng(0), []
    image = OrdinaryImage(ROOT / "many.png", random.integers(1, 256, (SIDE, SIDE, 3), dtype=np.uint8), 0.25)
    for _ in range(MANY):
        picture = np.zeros((30, 30), np.uint8)
        axes = int(random.integers(6, 13)), int(random.integers(5, 11))
        cv2.ellipse(picture, (15, 15), axes, int(random.integers(180)), 0, 360, 1, -1)
        left, top, right, bottom = bounding_box(picture > 0)
        mask = picture[top:bottom, left:right] > 0
        place = int(random.integers(SIDE - 30)), int(random.integers(SIDE - 30))
        nuclei.append(measure(Nucleus(float(random.random()), np.zeros(4), mask, *place), image.pixels))
    return image, sorted(nuclei, key=lambda nucleus: nucleus.y)  # rows of windows give them from the top, too


def rows(material, full):
    images = [image for image in read_layout(material.dataset, material.test_masks)[0] if image.set == "test"]
    images = images[: None if full else 2]
    content = convert(images, "exact", "rle")
    content["annotations"] = []
    config, weights = cell(material, content)
    other, (wanted, _) = timed(predicted, config, weights, material.scratch / "found.json")
    stock, by_mmdet = timed(by_tool, config, weights, material.scratch / "wanted")
    model, files = run_folder(material, config, weights, content), [image.file for image in images]
    ours, found = timed(by_new_images, model, files, material.scratch / "new")
    names = {row["file_name"].split("/")[-1]: row["id"] for row in content["images"]}
    counts = [
        sum(row["image_id"] == names[file.name] and coco_mask.area(row["segmentation"]) > 0 for row in wanted)
        for file in files
    ]
    require(found == counts, f"new images: {found} nuclei found, {counts} by predict.py")
    require(len(by_mmdet) == len(wanted), f"new images: {len(by_mmdet)} nuclei found by mmdet's tools/test.py")
    note = f"{len(files)} images, {sum(found)} nuclei, with measurements, GeoJSON and table; both with their start"
    yield within("prediction of new images; scripts/predict.py", ours, other, 1.1, note)
    area = sum(row["width"] * row["height"] for row in content["images"]) * PIXEL_SIZE**2 / 1e6
    rates = [f"{len(files) / t * 60:.3g} images, {area / t * 60:.3g} mm²" for t in (ours, stock)]
    note = f"a minute: {rates[0]}; {rates[1]}, at {PIXEL_SIZE} µm"
    yield faster("prediction of new images; mmdet's tools/test.py", ours, stock, None, note)

    image, nuclei = many()
    batches = [nuclei[at : at + 5000] for at in range(0, MANY, 5000)]
    for form in FORMS:
        seconds, count = timed(write_forms, material.scratch / "many", image, batches, MANY, [form])
        require(count == MANY, f"{form}: {count} nuclei written")
        yield below(f"{MANY} nuclei as {form}", seconds, LIMIT, f"image of {SIDE} x {SIDE} px")
