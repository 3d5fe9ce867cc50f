"""Images and masks: what is tolerated, and what the fast decoder reads."""

import cv2
import numpy as np
import pytest
from PIL import Image

from nuclei.coco.rle import bounding_box
from nuclei.data.masks import decode_png, image_size, read_image, read_mask, read_nucleus
from nuclei.data.raw_layout import RawImage


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
