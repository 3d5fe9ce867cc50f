"""The drawn data set: raw layout, nuclei that never overlap, odd shapes that tell the converters apart."""

import json

import cv2
import numpy as np
import pytest

from nuclei.common.stage import InputError
from nuclei.data.conversion_loss import shape_of
from nuclei.data.drawing import draw


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo's own data set at its full size."""
    folder = tmp_path_factory.mktemp("demo")
    draw(folder, train=8, test=4, size=256, seed=7)
    return folder


def masks_of(folder):
    """(n, height, width) bool, all masks of an image's folder."""
    return np.array([cv2.imread(str(p), cv2.IMREAD_UNCHANGED) > 0 for p in sorted((folder / "masks").glob("*.png"))])


def folders(demo):
    return sorted(demo.glob("dataset/train/*")) + sorted(demo.glob("test_masks/*"))


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_layout_is_that_of_the_real_data(demo):
    ids = [f"DEMO-{number:02d}" for number in range(1, 13)]
    assert [p.name for p in folders(demo)] == ids
    rows = json.loads((demo / "dataset/test_img_ids.json").read_text())
    wanted = [(f"{id_}.png", number, 256, 256) for number, id_ in enumerate(ids[8:], 1)]
    assert [(row["file_name"], row["id"], row["width"], row["height"]) for row in rows] == wanted
    for path in [demo / f"dataset/train/{i}/images/{i}.png" for i in ids[:8]] + [
        demo / f"dataset/test/{i}.png" for i in ids[8:]
    ]:
        assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).shape == (256, 256, 3)
    clutter = {str(p.relative_to(demo)) for p in demo.rglob("*") if ".ipynb_checkpoints" in p.parts and p.is_file()}
    assert clutter == {
        "dataset/train/DEMO-01/masks/.ipynb_checkpoints/mask_0002-checkpoint.png",
        "dataset/test/.ipynb_checkpoints/DEMO-09-checkpoint.png",
    }
    assert not list(demo.glob(".drawing-*"))


def test_nuclei_touch_but_never_overlap(demo):
    touching = 0
    for folder in folders(demo):
        masks = masks_of(folder)
        assert masks.sum(0).max() == 1
        labels = (masks * np.arange(1, len(masks) + 1)[:, None, None]).sum(0)
        for a, b in ((labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1])):
            touching += np.count_nonzero((a != b) & (a > 0) & (b > 0))
    assert touching > 500


def test_numbers_and_sizes_of_nuclei(demo):
    counts = [len(masks_of(folder)) for folder in folders(demo)]
    assert min(counts) >= 60 and max(counts) <= 150
    tests = counts[8:]  # the report's cap of 100 detections must matter in some images only
    assert sum(count > 100 for count in tests) == 2
    areas = np.concatenate([masks_of(folder).sum((1, 2)) for folder in folders(demo)])
    low, high = 2 * np.sqrt(np.quantile(areas, [0.05, 0.95]) / np.pi)
    assert 7 < low < 10 and 15 < high < 22


def test_odd_nuclei_are_there(demo):
    masks = masks_of(demo / "dataset/train/DEMO-02")
    shapes = [shape_of(mask) for mask in masks]
    assert [parts for parts, _ in shapes].count(2) == 1
    assert sum(holes > 0 for _, holes in shapes) == 1
    assert masks.sum((1, 2)).min() == 2


def test_nuclei_are_dark_where_only_hematoxylin_absorbs(demo):
    for folder in sorted(demo.glob("dataset/train/*")):
        red = cv2.imread(str(folder / "images" / f"{folder.name}.png"))[..., 2].astype(float)
        nuclei = masks_of(folder).any(0)
        assert red[nuclei].mean() + 50 < red[~nuclei].mean()


def test_seed_decides_everything(tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        draw(tmp_path / name, train=2, test=1, size=96, seed=seed)
    one, same, other = (content(tmp_path / name) for name in "abc")
    assert one == same
    image = "dataset/train/DEMO-01/images/DEMO-01.png"
    assert one[image] != other[image] and one[image] != one["dataset/train/DEMO-02/images/DEMO-02.png"]


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "dataset").mkdir()
    with pytest.raises(InputError, match="dataset: exists, wanted none"):
        draw(tmp_path, train=1, test=1, size=64, seed=0)
    assert [p.name for p in tmp_path.iterdir()] == ["dataset"]
