"""Raw data: what is read, what is ignored, and one clear line for each thing that is wrong."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from nuclei.coco.rle import bounding_box
from nuclei.data.masks import decode_png, image_size, read_image, read_mask, read_nucleus
from nuclei.data.raw_check import check
from nuclei.data.raw_layout import RawImage


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


def test_differing_counts_are_a_loud_warning_and_no_error(drawn, stage, tmp_path):
    train = len(list(drawn.glob("dataset/train/*/masks/*.png")))
    done = stage(
        "check_raw", "--dataset", drawn / "dataset", "--expected", f"train={train}", "test=1", "setting1_train=1",
        "--test-masks", drawn / "test_masks", "--out", tmp_path / "o.json", "--summary", tmp_path / "o.md",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    test = len(list(drawn.glob("test_masks/*/masks/*.png")))
    assert json.loads((tmp_path / "o.json").read_text())["comparison"] == {
        "train": {"found": train, "expected": train, "equal": True},
        "test": {"found": test, "expected": 1, "equal": False},
    }
    text = (tmp_path / "o.md").read_text()
    assert text.startswith("**WARNING: counts differ from the expected ones: test**")
    assert f"| test | {test} | 1 **differs** |" in text
    assert f"warning: test: {test} nuclei found, 1 expected" in done.stderr


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), array)


def damage_overlap(raw):
    write(raw / "dataset/train/DEMO-01/masks/mask_9999.png", cv2.imread(str(first_mask(raw)), 0))


def test_overlap_may_be_allowed(raw):
    damage_overlap(raw)
    pixels = int(np.count_nonzero(cv2.imread(str(first_mask(raw)), 0)))
    rows = check(raw / "dataset", allow_overlap=True)["images"]
    assert rows[0]["overlaps"] == [["mask_0001.png", "mask_9999.png", pixels]]


@pytest.mark.parametrize("scale", [1, 255, "one bit"])
def test_masks_of_two_values_and_of_one_bit_are_tolerated(raw, scale):
    wanted = cv2.imread(str(first_mask(raw)), 0) > 0
    Image.fromarray(wanted if scale == "one bit" else wanted.astype(np.uint8) * scale).save(first_mask(raw))
    assert np.array_equal(read_mask(first_mask(raw)), wanted)


@pytest.mark.parametrize("form", ["L", "RGBA", "P", "I;16"])
def test_images_of_any_depth_and_channels_are_tolerated(raw, form):
    path = raw / "dataset/train/DEMO-01/images/DEMO-01.png"
    grey = Image.open(path).convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    (deep if form == "I;16" else grey.convert(form)).save(path)
    assert image_size(RawImage("train", "DEMO-01", path)) == (128, 128)


def test_the_fast_decoder_reads_what_opencv_reads(drawn):
    files = [*drawn.glob("dataset/train/*/*/*.png"), *drawn.glob("dataset/test/*.png")]
    assert len(files) > 50
    for path in files:
        fast, slow = decode_png(path.read_bytes()), cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(fast[..., 0] if slow.ndim == 2 else fast[..., ::-1], slow)


@pytest.mark.parametrize("cut", [1, 4, 12, 13, 40])
def test_the_fast_decoder_takes_whole_files_alone(drawn, tmp_path, cut):
    data = first_mask(drawn).read_bytes()
    assert decode_png(data[:-cut]) is None
    (tmp_path / "cut.png").write_bytes(data[:-cut])
    assert read_image(tmp_path / "cut.png") is None


def test_a_nucleus_is_its_box(drawn):
    mask = cv2.imread(str(first_mask(drawn)), 0) > 0
    left, top, right, bottom = bounding_box(mask)
    part, *place, size = read_nucleus(first_mask(drawn), (128, 128))
    assert np.array_equal(part, mask[top:bottom, left:right])
    assert (place, size) == ([left, top], (128, 128))


def test_bounding_box_is_exclusive():
    mask = np.zeros((5, 7), bool)
    mask[1:3, 2:6] = True
    assert bounding_box(mask) == (2, 1, 6, 3)
