"""measure_mask_offset.py: offsets of all images, and what it refuses."""

import copy
import json
import shutil

import cv2
import pytest

from nuclei.data.conversion import convert


@pytest.fixture(scope="module")
def content(training_images):
    """COCO content of all training images."""
    return convert(training_images, "exact", "rle")


def test_the_command_names_the_images_and_writes_their_offsets(content, drawn, stage, tmp_path):
    (tmp_path / "train.json").write_text(json.dumps(content))
    arguments = ["--ground-truth", tmp_path / "train.json", "--out", tmp_path / "offsets.json", "--images"]
    done = stage("measure_mask_offset", *arguments, drawn / "dataset/train")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("median of 3 images: [")
    found = json.loads((tmp_path / "offsets.json").read_text())
    assert list(found) == [image["file_name"] for image in content["images"]]
    wrong = stage("measure_mask_offset", *arguments, tmp_path)
    assert wrong.returncode == 2 and wrong.stderr.startswith(f"error: {tmp_path}")


def test_an_image_of_another_size_is_named(content, drawn, stage, tmp_path):
    (tmp_path / "train.json").write_text(json.dumps(content))
    shutil.copytree(drawn / "dataset/train", tmp_path / "train")
    file = tmp_path / "train" / content["images"][1]["file_name"]
    cv2.imwrite(str(file), cv2.imread(str(file))[:, :-8])
    wrong = stage("measure_mask_offset", "--ground-truth", tmp_path / "train.json", "--images", tmp_path / "train")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith(f"error: {file}: 120x128 px, wanted 128x128 px as in {tmp_path}/train.json")


def test_an_image_without_nuclei_has_no_offset(content, drawn, stage, tmp_path):
    content = copy.deepcopy(content)
    first = content["images"][0]
    content["annotations"] = [row for row in content["annotations"] if row["image_id"] != first["id"]]
    (tmp_path / "train.json").write_text(json.dumps(content))
    done = stage("measure_mask_offset", "--ground-truth", tmp_path / "train.json", "--images", drawn / "dataset/train")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"{first['file_name']} none none"
    assert done.stderr.startswith("median of 2 images: [")
