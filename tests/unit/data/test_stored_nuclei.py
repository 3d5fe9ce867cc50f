"""masks.json in the place of mask files: the same nuclei, and every wrong row named."""

import json
import shutil

import numpy as np
import pytest

from nuclei.coco.rle import encode
from nuclei.common.stage import InputError
from nuclei.data.conversion import convert
from nuclei.data.masks import read_mask, read_nucleus
from nuclei.data.raw_check import check
from nuclei.data.raw_content import raw_hashes
from nuclei.data.raw_layout import read_layout
from nuclei.data.stored_nuclei import read_nuclei, write_nuclei


@pytest.fixture
def stored(raw):
    """The drawn data set with masks.json in the place of masks/ in every folder."""
    for folder in [*(raw / "dataset/train").iterdir(), *(raw / "test_masks").iterdir()]:
        paths = sorted(path for path in (folder / "masks").glob("*.png"))
        write_nuclei(folder / "masks.json", [(path.name, "nucleus", encode(read_mask(path))) for path in paths])
        shutil.rmtree(folder / "masks")
    return raw


def images_of(folder):
    images, _, problems = read_layout(folder / "dataset", folder / "test_masks")
    assert problems == []
    return images


@pytest.mark.parametrize("method", ["exact", "imantics"])
def test_conversion_is_that_of_the_mask_files(drawn, stored, method):
    for part in ("train", "test"):
        one, other = ([image for image in images_of(folder) if image.set == part] for folder in (drawn, stored))
        assert convert(one, method) == convert(other, method)


def test_the_check_finds_the_same(drawn, stored):
    one, other = (check(folder / "dataset", folder / "test_masks") for folder in (drawn, stored))
    assert one["images"] == other["images"] and one["counts"] == other["counts"]


def test_a_changed_nucleus_changes_the_hash_of_its_part_alone(stored, tmp_path):
    before = raw_hashes(stored / "dataset", stored / "test_masks", tmp_path / "memory")
    path = next((stored / "test_masks").glob("*/masks.json"))
    rows = json.loads(path.read_text())["nuclei"]
    path.write_text(json.dumps({"nuclei": rows[1:]}))
    after = raw_hashes(stored / "dataset", stored / "test_masks", tmp_path / "memory")
    assert {part for part in before if before[part] != after[part]} == {"test_masks"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([], r"\[\] found, wanted an object with the list nuclei"),
        ({"nuclei": [3]}, "row 0: 3 found, wanted name, category, segmentation"),
        ({"nuclei": [{"name": "a\n", "category": "b"}]}, "row 0: "),
        ({"nuclei": [{"name": "a", "category": "b"}] * 2}, "row 1: a found twice"),
    ],
)
def test_wrong_files_are_named(tmp_path, content, problem):
    (tmp_path / "masks.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"masks.json: {problem}"):
        read_nuclei(tmp_path / "masks.json")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (None, "None found, wanted a run-length code of 2x2 px"),
        ({"size": [2, 3], "counts": "22"}, "{.*} found, wanted a run-length code of 2x2 px"),
        ({"size": [2, 2], "counts": "9 9"}, "{.*} found, wanted a run-length code of 2x2 px"),
        (encode(np.zeros((2, 2), bool)), "empty mask"),
    ],
)
def test_a_wrong_code_is_named(tmp_path, code, problem):
    write_nuclei(tmp_path / "masks.json", [("a", "nucleus", code)])
    (nucleus,) = read_nuclei(tmp_path / "masks.json")
    with pytest.raises(InputError, match=f"masks.json: a: {problem}"):
        read_nucleus(nucleus, (2, 2))


def test_both_forms_at_once_are_refused(stored):
    folder = next((stored / "dataset/train").iterdir())
    (folder / "masks").mkdir()
    _, _, problems = read_layout(stored / "dataset")
    assert problems == [f"{folder}: masks and masks.json found, wanted one of them; remove the other"]
