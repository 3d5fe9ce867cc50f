"""The compact form of a raw data set: every pixel and every nucleus comes back, and it takes less space."""

import json

import cv2
import numpy as np
import pytest

from nuclei.common.stage import InputError
from nuclei.data.compact import expand, pack
from nuclei.data.masks import read_mask
from nuclei.data.raw_layout import read_layout


def content(folder):
    """{(set, id): (number, pixels, masks)} of a raw data set."""
    images, _, problems = read_layout(folder / "dataset", folder / "test_masks")
    assert not problems
    return {
        (image.set, image.id): (
            image.number,
            cv2.imread(str(image.file), cv2.IMREAD_UNCHANGED),
            np.stack([read_mask(mask) for mask in image.masks]),
        )
        for image in images
    }


def size(folder):
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_every_pixel_and_every_nucleus_comes_back(raw, tmp_path):
    # two nuclei that share pixels, which one label image could not hold
    masks = sorted((raw / "dataset/train").glob("*/masks/*.png"))[:2]
    first, second = (cv2.imread(str(mask), cv2.IMREAD_UNCHANGED) for mask in masks)
    cv2.imwrite(str(masks[1]), first | second)
    grey = sorted((raw / "dataset/test").glob("*.png"))[0]  # WebP has no grey images: it stays a PNG
    cv2.imwrite(str(grey), cv2.imread(str(grey), cv2.IMREAD_GRAYSCALE))
    before = content(raw)
    nuclei = pack(raw / "dataset", raw / "test_masks", tmp_path / "small", 2)
    assert nuclei == sum(len(masks) for _, _, masks in before.values())
    expand(tmp_path / "small", tmp_path / "again", 2)
    after = content(tmp_path / "again")
    assert list(after) == list(before) and len(before) == 5
    for key, (number, pixels, masks) in before.items():
        assert after[key][0] == number
        assert np.array_equal(after[key][1], pixels), key
        assert np.array_equal(after[key][2], masks), key
    ids = "dataset/test_img_ids.json"
    assert json.loads((tmp_path / "again" / ids).read_text()) == json.loads((raw / ids).read_text())
    assert size(tmp_path / "small") < 0.8 * size(raw)
    assert sorted(path.suffix for path in (tmp_path / "small/dataset/test").iterdir()) == [".png", ".webp"]


def test_without_test_masks_none_are_written(raw, tmp_path):
    pack(raw / "dataset", None, tmp_path / "small", 1)
    assert not (tmp_path / "small/test_masks").exists()


def test_problems_of_the_data_are_told(raw, tmp_path):
    (raw / "dataset/test_img_ids.json").unlink()
    with pytest.raises(InputError, match="test_img_ids.json"):
        pack(raw / "dataset", None, tmp_path / "small", 1)
    with pytest.raises(InputError, match="holds no dataset/train, wanted the data of a kit of make gpu-kit"):
        expand(tmp_path / "nothing", tmp_path / "again", 1)
    (tmp_path / "small/dataset/train").mkdir(parents=True)
    (tmp_path / "small/dataset/train/a.webp").write_bytes(b"RIFF")
    with pytest.raises(InputError, match="a.webp: not a readable WebP"):
        expand(tmp_path / "small", tmp_path / "again", 1)
