"""Images without a nucleus: all of them are trained on, by every model, in every form, with finite losses."""

import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmcv import Config
from mmcv.parallel import collate
from mmdet.datasets import build_dataset
from support.resolved_configs import resolved
from support.training_cell import rows_of, train

import nuclei.models.augmentation
import nuclei.training.datasets  # noqa: F401 - both register what the configs name
from nuclei.compute.compat import patch_points
from nuclei.models.detector import build_model
from nuclei.training.negatives import negatives, train_on_negatives
from nuclei.training.work_folder import binding

TABLED = ["mask_r50", "mask_x101", "cascade_r50", "cascade_x101", "pointrend_r50", "ms_rcnn_x101"]
SQUARE = [[8.0, 8, 24, 8, 24, 24, 8, 24]]
NAMES = ["bare", "full", "lost", "void"]  # full: one nucleus in the upper left; lost: its nucleus was dropped


def content(form="polygon", names=NAMES, file="{0}/images/{0}.png"):
    """COCO annotations of images of 96 px, one of which has a nucleus and one has lost it."""
    segmentation = SQUARE
    if form == "rle":
        mask = np.zeros((96, 96), np.uint8, order="F")
        mask[8:24, 8:24] = 1
        from pycocotools import mask as coco_mask

        found = coco_mask.encode(mask)
        segmentation = {"size": [96, 96], "counts": found["counts"].decode()}
    images = [
        {"id": number, "file_name": file.format(name), "width": 96, "height": 96}
        for number, name in enumerate(names, 1)
    ]
    nucleus = {"category_id": 1, "iscrowd": 0, "area": 256, "bbox": [8, 8, 16, 16], "segmentation": segmentation}
    rows = [
        {**nucleus, "id": row["id"], "image_id": row["id"]} for row in images if row["file_name"].startswith("full")
    ]
    dropped = [{"image": "lost", "mask": "a.png", "nucleus_dropped": True, "reason": "polygon"}]
    return {
        "images": images,
        "annotations": rows,
        "categories": [{"id": 1, "name": "nucleus"}],
        "info": {"dropped": dropped},
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set of four images, in both forms of annotations."""
    folder = tmp_path_factory.mktemp("negatives")
    random = np.random.default_rng(5)
    for name in NAMES:
        (folder / name / "images").mkdir(parents=True)
        picture = random.integers(0, 255, (96, 96, 3), np.uint8)
        assert cv2.imwrite(str(folder / name / "images" / f"{name}.png"), picture)
    for form in ("polygon", "rle"):
        (folder / f"{form}.json").write_text(json.dumps(content(form)))
    return folder


def config_of(folder, model, form, **change):
    """The resolved config of a model on the data set; `rle` annotations become bitmaps."""
    scales = {"train_scales": [[96, 96], [128, 128]], "test_scale": [96, 96], "workers": 0}
    found = Config(resolved(model, polygons=form == "polygon", **scales, **change))
    dataset = found.data.train
    while "dataset" in dataset:
        dataset = dataset.dataset
    dataset.update(ann_file=str(folder / f"{form}.json"), img_prefix=f"{folder}/")
    return found


def names(dataset):
    """Names of the images of a data set, with repetitions."""
    while hasattr(dataset, "dataset"):
        dataset = dataset.dataset
    return [row["file_name"].split("/")[0] for row in dataset.data_infos]


def test_negatives_are_images_without_a_nucleus_and_tiles_of_such_images():
    assert negatives(content()) == {1, 4}
    tiles = content(names=["full/0_0", "full/0_64", "bare/0_0", "bare/0_64", "lost/0_0"], file="{}.png")
    tiles["annotations"] = tiles["annotations"][:1]
    assert negatives(tiles) == {3, 4}
    assert negatives({**content(), "info": {}}) == {1, 3, 4}


def test_the_whole_data_set_is_trained_on_but_for_what_a_converter_dropped(folder):
    before = config_of(folder, "mask_x101", "polygon", repeat=3)
    after = config_of(folder, "mask_x101", "polygon", repeat=3)
    train_on_negatives(after)
    assert names(build_dataset(before.data.train)) == ["full"]
    dataset = build_dataset(after.data.train)
    assert names(dataset) == ["bare", "full", "void"] and len(dataset) == 3 * dataset.times
    assert binding(before, "data", None) != binding(after, "data", None)


def test_without_negatives_the_config_and_its_work_folder_stay_as_they_are(folder, tmp_path):
    config = config_of(folder, "mask_r50", "polygon")
    (tmp_path / "polygon.json").write_text(json.dumps(content(names=["full", "lost"])))
    config.data.train.dataset.ann_file = str(tmp_path / "polygon.json")
    text = config.pretty_text
    train_on_negatives(config)
    assert config.pretty_text == text


def test_an_option_of_the_config_stands(folder):
    config = config_of(folder, "mask_r50", "polygon")
    config.data.train.dataset.filter_empty_gt = True
    train_on_negatives(config)
    assert names(build_dataset(config.data.train)) == ["full"]


@pytest.fixture
def one_thread():
    """Torch on one thread, since more of them wait for each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", TABLED)
def test_batches_with_and_without_nuclei_have_finite_losses(folder, one_thread, name):
    patch_points()
    torch.manual_seed(1)
    np.random.seed(1)
    model = build_model(config_of(folder, name, "polygon")).train()
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for form, change in itertools.product(("polygon", "rle"), ({}, {"crop": 64, "turns": True})):
        config = config_of(folder, name, form, **change)
        train_on_negatives(config)
        dataset = build_dataset(config.data.train)
        bare, full, void = (dataset[place] for place in range(3))
        for items, instances in (((bare, void), 0), ((bare, full), len(full["gt_labels"].data))):
            batch = collate([dict(item) for item in items], samples_per_gpu=2)
            data = {key: value.data[0] for key, value in batch.items()}
            assert sum(map(len, data["gt_labels"])) == sum(map(len, data["gt_masks"])) == instances
            out = model.train_step(data, None)
            model.zero_grad()
            out["loss"].backward()
            assert np.isfinite([value for key, value in out["log_vars"].items() if "loss" in key]).all()
            assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in learned)


def test_a_crop_that_holds_no_nucleus_is_trained_on(folder, one_thread):
    patch_points()
    torch.manual_seed(1)
    config = config_of(folder, "pointrend_r50", "polygon", crop=32)
    dataset = build_dataset(config.data.train)
    np.random.seed(0)
    found = [dataset[0] for _ in range(20)]
    empty = [item for item in found if not len(item["gt_labels"].data)]
    assert 2 <= len(empty) < len(found)
    batch = collate([dict(item) for item in empty[:2]], samples_per_gpu=2)
    out = build_model(config).train().train_step({key: value.data[0] for key, value in batch.items()}, None)
    assert np.isfinite(out["loss"].item()) and out["log_vars"]["loss_point"] == 0


def test_an_epoch_sees_every_image(cell, tmp_path):
    config = cell("negatives", epochs=1, repeat=1, batch=1, validate_every=0, schedule=[9])
    found = Config.fromfile(str(config))
    file = found.data.train.dataset.ann_file if "dataset" in found.data.train else found.data.train.ann_file
    rows = json.loads(Path(file).read_text())
    rows["annotations"] = [row for row in rows["annotations"] if row["image_id"] == 2]
    (tmp_path / "train.json").write_text(json.dumps(rows))
    changed = config.read_text().replace(file, str(tmp_path / "train.json"))
    (tmp_path / "config.py").write_text(changed)
    done = train(tmp_path / "config.py", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "takes no part" not in done.stderr
    assert max(row["iter"] for row in rows_of(tmp_path) if row["mode"] == "train") == len(rows["images"]) == 3
