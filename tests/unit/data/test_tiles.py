"""Tiles: they cover the image, and their masks are the image's masks, cut."""

import cv2
import numpy as np
import pytest

from nuclei.coco.rle import encode
from nuclei.common.stage import InputError
from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout
from nuclei.data.tiles import decode, decode_nucleus, starts, tile


@pytest.fixture(scope="module")
def content(drawn):
    images, _, _ = read_layout(drawn / "dataset")
    return convert([image for image in images if image.set == "train"], "exact", "polygon")


@pytest.mark.parametrize(
    ("length", "size", "stride", "wanted"),
    [(1000, 256, 186, [0, 186, 372, 558, 744]), (10, 10, 3, [0]), (11, 10, 3, [0, 1]), (16, 4, 4, [0, 4, 8, 12])],
)
def test_starts_cover_the_length(length, size, stride, wanted):
    assert starts(length, size, stride) == wanted


@pytest.mark.parametrize("form", ["polygon", "rle"])
def test_tiles_equal_cut_masks(drawn, content, tmp_path, form):
    images = drawn / "dataset/train"
    tiles = tile(content, images, tmp_path / "tiles", size=64, stride=50, min_area=1, segmentation=form)
    assert len(tiles["images"]) == 3 * 9
    names = {image["id"]: image["file_name"].split("/")[0] for image in content["images"]}
    for image in tiles["images"]:
        id_, position = image["file_name"].split("/")
        left, top = map(int, position.removesuffix(".png").split("_"))
        whole = cv2.imread(str(images / id_ / "images" / f"{id_}.png"))
        assert np.array_equal(
            cv2.imread(str(tmp_path / "tiles" / image["file_name"])), whole[top : top + 64, left : left + 64]
        )
        found = {row["mask"]: row for row in tiles["annotations"] if row["image_id"] == image["id"]}
        for row in (row for row in content["annotations"] if names[row["image_id"]] == id_):
            part = decode(row, 128, 128)[top : top + 64, left : left + 64]
            assert part.any() == (row["mask"] in found)
            if part.any():
                cut = found[row["mask"]]
                assert np.array_equal(decode(cut, 64, 64), part)
                rows, columns = np.nonzero(part)
                box = [columns.min(), rows.min(), columns.max() - columns.min() + 1, rows.max() - rows.min() + 1]
                assert cut["bbox"] == box
                assert cut["area"] == len(rows)


def test_small_pieces_are_left_out(drawn, content, tmp_path):
    tiles = tile(content, drawn / "dataset/train", tmp_path / "tiles", size=64, stride=64, min_area=40)
    assert min(row["area"] for row in tiles["annotations"]) >= 40


def test_tile_larger_than_the_image_is_refused(drawn, content, tmp_path):
    with pytest.raises(InputError, match="128x128 px found, wanted 256 px a side"):
        tile(content, drawn / "dataset/train", tmp_path / "tiles", size=256, stride=64)


@pytest.mark.parametrize("seed", range(60))
def test_the_part_of_a_nucleus_is_that_of_the_whole_mask(seed):
    random = np.random.default_rng(seed)
    height, width = random.integers(1, 60, 2).tolist()
    for step in (1, 0.5, 0.125, 0.1):
        polygons = []
        for _ in range(random.integers(1, 4)):
            count = random.integers(3, 9)
            x, y = random.uniform(0, width, count), random.uniform(0, height, count)
            points = np.clip(np.stack([x, y], 1) / step // 1 * step, 0, (width, height))
            points[random.random(count) < 0.2] = (width, height)  # on the border, where the image cuts
            polygons.append(points.ravel().tolist())
        mask = decode({"segmentation": polygons}, height, width)
        for segmentation in (polygons, encode(mask)):
            found = decode_nucleus({"segmentation": segmentation}, height, width)
            whole = np.zeros((height, width), bool)
            if found:
                part, left, top = found
                whole[top : top + part.shape[0], left : left + part.shape[1]] = part
                assert part.any(0)[[0, -1]].all() and part.any(1)[[0, -1]].all()
            assert np.array_equal(whole, mask)
