"""measure_mask_offset.py: offsets of all images, and what it refuses."""

import copy
import json
import shutil

import cv2
import numpy as np
import pytest

from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout


@pytest.fixture(scope="module")
def training(drawn):
    """(image, masks of all nuclei together) of each training image; COCO content of them all."""
    images = [image for image in read_layout(drawn / "dataset", drawn / "test_masks")[0] if image.set == "train"]
    content = convert(images, "exact", "rle")
    pairs = []
    for image in images:
        masks = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 0 for path in image.masks]
        pairs.append((cv2.imread(str(image.file)), np.any(masks, 0)))
    return pairs, content


def test_the_command_names_the_images_and_writes_their_offsets(training, drawn, stage, tmp_path):
    (tmp_path / "train.json").write_text(json.dumps(training[1]))
    arguments = ["--ground-truth", tmp_path / "train.json", "--out", tmp_path / "offsets.json", "--images"]
    done = stage("measure_mask_offset", *arguments, drawn / "dataset/train")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("median of 3 images: [")
    found = json.loads((tmp_path / "offsets.json").read_text())
    assert list(found) == [image["file_name"] for image in training[1]["images"]]
    wrong = stage("measure_mask_offset", *arguments, tmp_path)
    assert wrong.returncode == 2 and wrong.stderr.startswith(f"error: {tmp_path}")


def test_an_image_of_another_size_is_named(training, drawn, stage, tmp_path):
    (tmp_path / "train.json").write_text(json.dumps(training[1]))
    shutil.copytree(drawn / "dataset/train", tmp_path / "train")
    file = tmp_path / "train" / training[1]["images"][1]["file_name"]
    cv2.imwrite(str(file), cv2.imread(str(file))[:, :-8])
    wrong = stage("measure_mask_offset", "--ground-truth", tmp_path / "train.json", "--images", tmp_path / "train")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith(f"error: {file}: 120x128 px, wanted 128x128 px as in {tmp_path}/train.json")


def test_an_image_without_nuclei_has_no_offset(training, drawn, stage, tmp_path):
    content = copy.deepcopy(training[1])
    first = content["images"][0]
    content["annotations"] = [row for row in content["annotations"] if row["image_id"] != first["id"]]
    (tmp_path / "train.json").write_text(json.dumps(content))
    done = stage("measure_mask_offset", "--ground-truth", tmp_path / "train.json", "--images", drawn / "dataset/train")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"{first['file_name']} none none"
    assert done.stderr.startswith("median of 2 images: [")
