"""Whatever the training pipeline does to an image: its boxes, masks and labels fit each other and the image."""

import itertools
import json

import numpy as np
import pytest
import yaml
from conftest import ROOT
from mmcv import Config
from mmdet.core import BitmapMasks, PolygonMasks
from mmdet.datasets import build_dataset
from mmdet.datasets.pipelines import Compose

import nuclei.augmentation  # noqa: F401 - registers the steps
from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout
from nuclei.models.config_tree import training_set
from nuclei.models.resolve import resolve
from nuclei.models.zoo import zoo_path

MODELS = yaml.safe_load((ROOT / "config/models.yaml").read_text())["models"]
SECTION = yaml.safe_load((ROOT / "config/config.yaml").read_text())["training"] | {
    "weights": "none",
    "epochs": 1,
    "train_scales": [[100, 100], [230, 230]],
    "test_scale": [150, 150],
}
FORMS = [("exact", "polygon"), ("exact", "rle"), ("imantics", "polygon")]


@pytest.fixture(scope="module", params=FORMS, ids="-".join)
def annotated(request, drawn, tmp_path_factory):
    """(path of the drawn training images' annotations, folder of the images, whether they are polygons)."""
    images, _, _ = read_layout(drawn / "dataset")
    path = tmp_path_factory.mktemp("annotated") / "train.json"
    path.write_text(json.dumps(convert([image for image in images if image.set == "train"], *request.param)))
    return str(path), str(drawn / "dataset/train"), request.param[1] == "polygon"


def pipeline_of(model, annotated, **change):
    """mmdet's data set for training `model`, as the pipeline resolves it, without colour and packing steps."""
    file, folder, polygons = annotated
    paths = {part: {"annotations": file, "images": folder} for part in ("train", "val", "test")}
    zoo = Config.fromfile(str(zoo_path(MODELS[model]["zoo"])))._cfg_dict.to_dict()
    config = training_set(resolve(zoo, MODELS[model], SECTION | change, paths, 0, polygons))
    steps = config["pipeline"]
    end = next(i for i, step in enumerate(steps) if step["type"] == "DefaultFormatBundle")
    config["pipeline"] = [step for step in steps[:end] if step["type"] not in ("Normalize", "Pad")]
    return build_dataset(Config(config)._cfg_dict)


def extent(mask):
    """[left, top, right, bottom] of the pixels of a mask."""
    rows, columns = np.nonzero(mask)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def sampled_extent(polygons, step=0.25):
    """[left, top, right, bottom], to `step` px, of the cells whose centre an instance's polygons hold, by parity.

    The cells lie between the polygons' own coordinates and lines every `step` px, so that a sliver is seen, while lines
    that enclose nothing hold no cell.
    """
    corners = np.concatenate([part.reshape(-1, 2) for part in polygons])
    lines = [np.unique([*values, *np.arange(values.min(), values.max(), step)]) for values in corners.T]
    x, y = ((line[1:] + line[:-1]) / 2 for line in lines)
    inside = np.zeros((len(y), len(x)), bool)
    for part in polygons:
        (x1, y1), (x2, y2) = part.reshape(-1, 2).T, np.roll(part.reshape(-1, 2), -1, axis=0).T
        rises = (y1 > y[:, None]) != (y2 > y[:, None])
        with np.errstate(divide="ignore", invalid="ignore"):
            at = x1 + (y[:, None] - y1) * (x2 - x1) / (y2 - y1)
        inside ^= (rises[:, None] & (x[None, :, None] < at[:, None])).sum(2) % 2 == 1
    left, top, right, bottom = extent(inside)
    return np.array([lines[0][left], lines[1][top], lines[0][right], lines[1][bottom]])


def check(found):
    """Assert that boxes, labels and masks of one image fit each other and the image."""
    height, width = found["img"].shape[:2]
    boxes, masks = found["gt_bboxes"], found["gt_masks"]
    assert (masks.height, masks.width) == (height, width) == found["img_shape"][:2]
    assert len(boxes) == len(found["gt_labels"]) == len(masks.masks)
    assert boxes.dtype == np.float32 and boxes.shape[1:] == (4,)
    assert (boxes[:, 2:] - boxes[:, :2] >= 1).all()
    assert (boxes >= 0).all() and (boxes[:, 2] <= width).all() and (boxes[:, 3] <= height).all()
    for box, mask in zip(boxes, masks.masks, strict=True):
        if isinstance(masks, BitmapMasks):
            assert box.tolist() == extent(mask)
        else:
            corners = np.concatenate([part.reshape(-1, 2) for part in mask])
            whole = [*corners.min(0), *corners.max(0)]
            if whole[0] > 0 and whole[1] > 0 and whole[2] < width and whole[3] < height:
                assert np.allclose(whole, box, atol=1e-4)  # no border cuts it
            else:
                assert np.abs(sampled_extent(mask) - box).max() < 0.3
    return len(boxes)


@pytest.mark.parametrize(
    "model", ["mask_r50", "cascade_r50", "pointrend_r50", "ms_rcnn_x101", "mask_x101", "cascade_x101"]
)
def test_crops_of_every_model_and_mask_form(model, annotated):
    instances = 0
    for crop, flips, turns, photometric in itertools.product(
        (32, 64, 400), (None, ["horizontal", "vertical", "diagonal"]), (False, True), (False, True)
    ):
        dataset = pipeline_of(model, annotated, crop=crop, flips=flips, turns=turns, photometric=photometric)
        np.random.seed(crop)
        instances += sum(check(dataset[number % len(dataset)]) for number in range(4))
    assert instances > 500


def disk(side=160, centre=(71.3, 88.7), radius=21.4):
    """(image, outline): a smooth grey disk, its centre at pixel edges' coordinates, and the polygon around it."""
    y, x = np.mgrid[:side, :side] + 0.5
    far = np.hypot(x - centre[0], y - centre[1])
    image = (np.clip(radius - far + 0.5, 0, 1) * 200).astype(np.uint8)
    angle = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    outline = np.stack([np.cos(angle), np.sin(angle)], 1) * radius + centre
    return np.repeat(image[..., None], 3, 2), outline


def centre_of(mask):
    """Centre of an image's or a mask's intensity; px, pixel edges at integers."""
    mask = mask.astype(float)
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]] + 0.5
    return np.array([(mask * x).sum(), (mask * y).sum()]) / mask.sum()


@pytest.mark.parametrize("form", ["polygon", "bitmap"])
def test_image_and_mask_stay_together(form):
    image, outline = disk()
    steps = [
        dict(type="AlignedResize", img_scale=[(100, 100), (400, 400)], multiscale_mode="range", keep_ratio=True),
        dict(type="QuarterTurn"),
        dict(type="RandomFlip", flip_ratio=[0.3] * 3, direction=["horizontal", "vertical", "diagonal"]),
        dict(type="VisibleInstances"),
    ]
    compose, differences = Compose(steps), []
    np.random.seed(5)
    for _ in range(60):
        if form == "polygon":
            masks = PolygonMasks([[outline.reshape(-1)]], 160, 160)
        else:
            y, x = np.mgrid[:160, :160] + 0.5
            masks = BitmapMasks([(np.hypot(x - 71.3, y - 88.7) <= 21.4).astype(np.uint8)], 160, 160)
        box = np.array([[*outline.min(0), *outline.max(0)]], np.float32)
        found = compose(
            dict(
                img=image.copy(),
                img_shape=image.shape,
                img_fields=["img"],
                bbox_fields=["gt_bboxes"],
                mask_fields=["gt_masks"],
                gt_bboxes=box,
                gt_labels=np.zeros(1, int),
                gt_masks=masks,
            )
        )
        scale = found["img"].shape[0] / 160
        if form == "polygon":
            part = found["gt_masks"].masks[0][0].reshape(-1, 2)
            seen = (part.max(0) + part.min(0)) / 2
        else:
            seen = centre_of(found["gt_masks"].masks[0])
        differences.append((centre_of(found["img"][..., 0]) - seen) / max(scale, 1))
    assert np.abs(np.mean(differences, 0)).max() < 0.05
    assert np.abs(differences).max() < (0.05 if form == "polygon" else 0.25)
