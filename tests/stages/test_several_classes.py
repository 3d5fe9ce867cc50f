"""Every model with several classes: each head has as many, losses are finite, and predictions carry category ids."""

import numpy as np
import pytest
import torch
from mmcv import Config
from mmcv.parallel import collate
from mmdet.core import BitmapMasks
from mmdet.datasets.pipelines import Compose
from support.resolved_configs import MODELS, resolved

from nuclei.compute.compat import patch_points
from nuclei.models.config_tree import python_text, training_set, walk
from nuclei.models.detector import build_model
from nuclei.prediction.many_looks import ManyLooks

CLASSES = ["round", 'it\'s \\ "long"', "腫瘍"]
TABLED = ["mask_r50", "mask_x101", "cascade_r50", "cascade_x101", "pointrend_r50", "ms_rcnn_x101"]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("protocol", ["demo", "config"])
def test_every_head_has_all_classes_and_the_config_stays_readable(name, protocol, tmp_path):
    config = resolved(name, protocol, classes=CLASSES)
    counts = [node["num_classes"] for node in walk(config["model"]) if "num_classes" in node]
    assert counts and set(counts) == {3}
    for dataset in (training_set(config), config["data"]["val"], config["data"]["test"]):
        assert dataset["classes"] == tuple(CLASSES)
    (tmp_path / "config.py").write_text(python_text(config), encoding="utf-8")
    assert tuple(Config.fromfile(str(tmp_path / "config.py")).data.test.classes) == tuple(CLASSES)


def batch_of(config):
    """Two images with three nuclei of three classes each, as the training pipeline of a config gives them."""
    random = np.random.default_rng(0)
    steps = [step for step in training_set(config)["pipeline"] if not step["type"].startswith("Load")]
    items = []
    for _ in range(2):
        masks = np.zeros((3, 96, 96), np.uint8)
        boxes = np.array([[8, 8, 30, 30], [40, 40, 70, 60], [60, 5, 90, 40]], np.float32)
        for mask, (left, top, right, bottom) in zip(masks, boxes.astype(int), strict=True):
            mask[top:bottom, left:right] = 1

        data = {
            "img": random.integers(0, 255, (96, 96, 3), np.uint8),
            "img_fields": ["img"],
            "bbox_fields": ["gt_bboxes"],
            "mask_fields": ["gt_masks"],
            "gt_bboxes": boxes,
            "gt_labels": np.array([0, 1, 2]),
            "gt_masks": BitmapMasks(list(masks), 96, 96),
            "img_shape": (96, 96, 3),
            "ori_shape": (96, 96, 3),
            "filename": "a.png",
            "ori_filename": "a.png",
        }
        items.append(Compose(steps)(data))
    return {key: value.data[0] for key, value in collate(items, samples_per_gpu=2).items()}


@pytest.mark.parametrize("name", TABLED)
def test_losses_are_finite_and_detections_are_of_all_classes(name):
    patch_points()
    torch.manual_seed(0)
    np.random.seed(0)
    config = Config(resolved(name, classes=CLASSES, train_scales=[[96, 96], [128, 128]], test_scale=[96, 96]))
    model = build_model(config).train()
    one = build_model(Config(resolved(name))).state_dict()
    last = {key for key, value in model.state_dict().items() if one[key].shape != value.shape}
    assert any("fc_cls" in key for key in last) and any("mask_head" in key for key in last)
    out = model.train_step(batch_of(config), None)
    out["loss"].backward()
    assert np.isfinite([value for key, value in out["log_vars"].items() if "loss" in key]).all()

    class Parallel(torch.nn.Module):
        """What build_dp gives, without a device."""

        def forward(self, img, img_metas, **options):
            return model.eval()(img=img, img_metas=[meta.data[0] for meta in img_metas], **options)

    model.roi_head.test_cfg.score_thr = 0.0  # a random start is sure of nothing
    looks = ManyLooks(Parallel(), config.data.test.pipeline[1:], views=2)
    found = looks.nuclei(np.random.default_rng(1).integers(0, 255, (96, 96, 3), np.uint8))
    categories = {nucleus.category for nucleus in found}
    assert categories <= {1, 2, 3} and max(categories) > 1  # of a random start some classes have empty masks alone
