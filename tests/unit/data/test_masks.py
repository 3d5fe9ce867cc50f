"""Images and masks: what is tolerated, and what the fast decoder reads."""

import shutil
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from nuclei.coco.rle import bounding_box
from nuclei.data.conversion import convert
from nuclei.data.masks import decode_png, image_size, orientation, read_image, read_mask, read_nucleus
from nuclei.data.raw_check import check, summary
from nuclei.data.raw_layout import RawImage, read_layout
from nuclei.data.tiles import tile
from nuclei.scoring.average_precision import score


def first_mask(raw):
    return raw / "dataset/train/DEMO-01/masks/mask_0001.png"


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


def test_an_orientation_is_found_in_either_byte_order_and_anywhere(raw, tmp_path):
    path = raw / "dataset/train/DEMO-01/images/DEMO-01.png"
    plain = path.read_bytes()
    assert orientation(plain) == 1
    for value in range(1, 9):
        exif = Image.Exif()
        exif[0x0112], exif[0x010F] = value, "maker"
        for form in ("png", "jpg"):
            Image.open(path).convert("RGB").save(tmp_path / f"a.{form}", exif=exif)
            assert orientation((tmp_path / f"a.{form}").read_bytes()) == value
    for order, head in (("<", b"II*\0"), (">", b"MM\0*")):
        tiff = head + struct.pack(order + "IHHHIHH", 8, 1, 0x0112, 3, 1, 5, 0)
        assert orientation(b"..eXIf" + tiff) == 5
        for cut in range(len(tiff)):
            orientation(b"eXIf" + tiff[:cut])  # damaged, but no error


def test_images_without_any_nucleus_go_through(raw):
    folder = raw / "dataset/train/DEMO-01"
    for masks in (folder / "masks", raw / "test_masks/DEMO-04/masks"):
        shutil.rmtree(masks)
        masks.mkdir()
    result = check(raw / "dataset", raw / "test_masks")
    nuclei = {row["id"]: row["nuclei"] for row in result["images"]}
    assert (nuclei["DEMO-01"], nuclei["DEMO-04"]) == (0, 0) and min(nuclei["DEMO-02"], nuclei["DEMO-05"]) > 0
    assert "| test | DEMO-04 | 128x128 | 0 |  |" in summary(result)
    images, _, _ = read_layout(raw / "dataset", raw / "test_masks")
    for method in ("exact", "imantics"):
        train = convert([image for image in images if image.set == "train"], method)
        assert len(train["images"]) == 3 and {row["image_id"] for row in train["annotations"]} == {2, 3}
    tiles = tile(train, raw / "dataset/train", raw / "tiles", size=64, stride=64)
    assert len(tiles["images"]) == 12
    test = convert([image for image in images if image.set == "test"], "exact")
    found = [{**row, "score": 0.5} for row in test["annotations"]]
    scores = score(test, [*found, {**found[0], "image_id": test["images"][0]["id"], "score": 0.9}])
    assert 0 < scores["map_report"] < 1 and scores["per_image"][0]["ap50_100"] is None
