"""The check of raw data: its counts, what it ignores, and the overlaps that it finds."""

import shutil

import cv2
import numpy as np
import pytest
import yaml
from conftest import ROOT, needs_real_data

from nuclei.data.raw_check import check


def first_mask(raw):
    return raw / "dataset/train/DEMO-01/masks/mask_0001.png"


def test_counts_equal_the_files(drawn):
    result = check(drawn / "dataset", drawn / "test_masks", threads=2)
    files = [p for p in drawn.glob("dataset/train/*/masks/*.png")]
    assert result["counts"] == {"train": len(files), "test": len(list(drawn.glob("test_masks/*/masks/*.png")))}
    assert [row["id"] for row in result["images"]] == [f"DEMO-0{n}" for n in (1, 2, 3, 4, 5)]
    assert [row["number"] for row in result["images"]] == [1, 2, 3, 1, 2]
    areas = [np.count_nonzero(cv2.imread(str(p), 0)) for p in drawn.glob("dataset/train/DEMO-02/masks/*.png")]
    assert result["images"][1]["median_area"] == np.median(areas)


def test_clutter_is_ignored_and_named(drawn):
    ignored = check(drawn / "dataset", drawn / "test_masks")["ignored"]
    assert sorted(ignored) == [
        ["dataset/test/.ipynb_checkpoints/DEMO-04-checkpoint.png", "notebook left-over"],
        ["dataset/train/DEMO-01/masks/.ipynb_checkpoints/mask_0002-checkpoint.png", "notebook left-over"],
    ]


def test_without_test_masks_test_images_have_no_nuclei(drawn):
    result = check(drawn / "dataset")
    assert result["counts"]["test"] == 0
    assert result["test_masks"] is False


def test_halves_of_a_split_are_counted(drawn):
    split = {"train": ["DEMO-01", "DEMO-03"], "validation": ["DEMO-02"]}
    result = check(drawn / "dataset", split=split, expected={"train": 5})
    rows = {row["id"]: row["nuclei"] for row in result["images"]}
    assert result["counts"]["setting1_train"] == rows["DEMO-01"] + rows["DEMO-03"]
    assert result["counts"]["setting1_validation"] == rows["DEMO-02"]


def test_overlap_may_be_allowed(raw):
    shutil.copy(first_mask(raw), first_mask(raw).with_name("mask_9999.png"))
    pixels = int(np.count_nonzero(cv2.imread(str(first_mask(raw)), 0)))
    rows = check(raw / "dataset", allow_overlap=True)["images"]
    assert rows[0]["overlaps"] == [["mask_0001.png", "mask_9999.png", pixels]]


@needs_real_data
@pytest.mark.slow
def test_all_masks_are_right_and_equal_the_report(real):
    expected = {"train": 14598, "test": 2360, "setting1_train": 11109, "setting1_validation": 3489}
    split = yaml.safe_load((ROOT / "config/splits/report.yaml").read_text())
    result = check(real / "dataset", real / "test_masks", expected=expected, split=split, threads=2)
    assert result["counts"] == expected
    assert not any(row["overlaps"] for row in result["images"])
