"""Faster training on a CPU changes no result: RoIAlign equals mmcv's, layout keeps losses and gradients, bf16 is near.

mmcv's operators read channels-last maps wrongly on a CPU, so that they are given contiguous ones here.
"""

import json
import random
import sys

import pytest
import torch
from mmcv import Config
from mmcv.ops import RoIAlign
from mmcv.ops import roi_align as by_mmcv
from mmdet.apis import set_random_seed
from mmdet.core.bbox.iou_calculators import bbox_overlaps, iou2d_calculator
from mmdet.datasets import build_dataloader, build_dataset
from mmdet.models import build_detector
from mmdet.models.roi_heads.mask_heads import MaskIoUHead
from mmdet.utils import build_dp
from support.resolved_configs import resolved

from nuclei.compute.acceleration import BagRoIAlign, box_ious, roi_align, use_bf16, use_channels_last, use_fast_ious
from nuclei.compute.card import ContiguousRoIAlign
from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout
from nuclei.models.detector import build_model
from nuclei.models.zoo import zoo_path
from nuclei.prediction.single_look import predict

SIDE = 96  # of the images that the models see, px
MODELS = ["mask_r50", "pointrend_r50", "cascade_r50", "ms_rcnn_x101", "queryinst_r50"]
needs_bf16 = pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this CPU computes no bf16, which wants AVX-512 or AMX"
)


def random_boxes(generator, number):
    """Boxes (number, 4) px of which some are empty, inverted, equal or far away from the others."""
    boxes = torch.rand(number, 4, generator=generator) * 200 - 20
    boxes[:, 2:] = boxes[:, :2] + torch.rand(number, 2, generator=generator) * 60 - 5
    boxes[::7, 2] = boxes[::7, 0]
    boxes[1::11] = boxes[0]
    boxes[2::13] += 1e6
    return boxes


@pytest.mark.parametrize("first, second", [(1, 1), (3, 500), (90, 4000), (200, 7)])
def test_ious_have_the_very_values_of_mmdet(first, second):
    generator = torch.Generator().manual_seed(first)
    a, b = random_boxes(generator, first), random_boxes(generator, second)
    assert torch.equal(box_ious(a, b), bbox_overlaps(a, b))


def test_the_assigners_take_the_fast_ious_and_mmdet_answers_the_rest(monkeypatch):
    monkeypatch.setattr(iou2d_calculator, "bbox_overlaps", bbox_overlaps)
    use_fast_ious()
    ours = iou2d_calculator.bbox_overlaps
    use_fast_ious()
    assert iou2d_calculator.bbox_overlaps is ours
    boxes = random_boxes(torch.Generator().manual_seed(1), 20)
    calls = []
    monkeypatch.setattr("nuclei.compute.acceleration.box_ious", lambda *boxes: calls.append(boxes))
    iou2d_calculator.BboxOverlaps2D()(boxes, boxes)
    assert len(calls) == 1
    for mode, aligned in (("iou", True), ("iof", False), ("giou", False)):
        found, wanted = (function(boxes, boxes, mode, aligned) for function in (ours, bbox_overlaps))
        assert torch.equal(found, wanted)
    assert ours(boxes[:0], boxes).shape == (0, 20)
    assert len(calls) == 1


def random_rois(chance, images, width, height, aligned):
    """RoIs (K, 5) around a map of `width` x `height` px: inside, partly and wholly outside, tiny, large, empty.

    Inverted ones too where mmcv takes them, which is only where it does not align.
    """
    rois = []
    for number in range(chance.randint(1, 12)):
        left, top = (chance.uniform(-0.6, 1.3) * side for side in (width, height))
        size = [
            chance.choice([chance.uniform(0.01, 1), chance.uniform(1, width), chance.uniform(1, 3) * width])
            for _ in range(2)
        ]
        if number % 5 == 4:
            size[chance.randint(0, 1)] = 0.0
        if number % 7 == 6 and not aligned:
            size[chance.randint(0, 1)] *= -1
        rois.append([chance.randint(0, images - 1), left, top, left + size[0], top + size[1]])
    return torch.tensor(rois, dtype=torch.float64)


def both(features, rois, *arguments):
    """[(values, gradient in features)] of ours, on contiguous and channels-last features, and of mmcv."""
    found = []
    for layout, function in (
        (torch.contiguous_format, roi_align),
        (torch.channels_last, roi_align),
        (torch.contiguous_format, lambda *inputs: by_mmcv(*inputs[:-1], "avg", inputs[-1])),
    ):
        given = features.clone(memory_format=layout).requires_grad_()
        values = function(given, rois, *arguments)
        # a weight of its own for each value, so that no error can cancel
        weights = torch.linspace(-1, 1, values.numel(), dtype=values.dtype).view(values.shape)
        (values * weights).sum().backward()
        found.append((values.detach(), given.grad))
    return found


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("sampling_ratio", [0, 2])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_roi_align_equals_mmcvs(aligned, sampling_ratio, dtype):
    chance = random.Random(f"{aligned} {sampling_ratio}")
    torch.manual_seed(0)
    tolerance = {"rtol": 1e-9, "atol": 1e-9} if dtype == torch.float64 else {"rtol": 1e-3, "atol": 1e-3}
    for _ in range(25):
        images, channels, height, width = (chance.randint(1, most) for most in (3, 5, 20, 20))
        scale = chance.choice([1.0, 0.5, 0.25])
        rois = random_rois(chance, images, width / scale, height / scale, aligned)
        features = torch.randn(images, channels, height, width, dtype=dtype)
        output = chance.randint(1, 7), chance.randint(1, 7)
        *ours, wanted = both(features, rois.to(dtype), output, scale, sampling_ratio, aligned)
        for found in ours:
            assert found[0].shape == (len(rois), channels, *output)
            torch.testing.assert_close(found, wanted, **tolerance)


@pytest.mark.parametrize("sampling_ratio", [0, 2])
def test_roi_align_of_many_samples_a_cell(sampling_ratio):
    torch.manual_seed(0)
    features = torch.randn(2, 3, 40, 25, dtype=torch.float64)
    rois = torch.tensor([[1, -30.3, 5.2, 151.9, 90.7], [0, 3.1, -700.2, 8.2, 900.4]], dtype=torch.float64)
    *ours, wanted = both(features, rois, (2, 3), 0.5, sampling_ratio, True)
    for found in ours:
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


def test_roi_align_of_nothing():
    features = torch.randn(1, 3, 8, 8, requires_grad=True)
    for count in (0, 2):  # none, and empty ones
        found = roi_align(features, torch.zeros(count, 5), (7, 5))
        assert found.shape == (count, 3, 7, 5)
        assert not found.any()
        found.sum().backward()  # mmcv's are differentiable too
        assert not features.grad.any()


def test_inverted_rois_that_mmcv_refuses_are_zeros():
    rois = torch.tensor([[0, 6.0, 1.0, 2.0, 5.0]])
    with pytest.raises(RuntimeError):
        by_mmcv(torch.ones(1, 1, 8, 8), rois, 2, 1.0, 0, "avg", True)
    assert not roi_align(torch.ones(1, 1, 8, 8), rois, (2, 2)).any()


@pytest.fixture(scope="module")
def config(drawn, tmp_path_factory):
    """A function that returns the Config of a narrow model on the drawn data."""
    folder = tmp_path_factory.mktemp("acceleration")
    images, _, _ = read_layout(drawn / "dataset", drawn / "test_masks")
    (folder / "coco.json").write_text(
        json.dumps(convert([image for image in images if image.set == "train"], "exact", "polygon"))
    )

    def of(model):
        found = Config(resolved(model, train_scales=[[SIDE, SIDE], [SIDE, SIDE]], test_scale=[SIDE, SIDE]))
        for part in (found.data.train.dataset, found.data.val, found.data.test):
            part.update(ann_file=str(folder / "coco.json"), img_prefix=f"{drawn / 'dataset/train'}/")
        return found

    return of


def built(config, *changes):
    """(the model with the changes made to it, mmdet's wrapper of it); always the same weights."""
    set_random_seed(0)
    model = build_model(config)
    for change in changes:
        change(model)
    return model, build_dp(model, "cpu", device_ids=[0])


def losses_and_gradients(config, *changes):
    """Losses, as forward_train returns them, their sum, and gradients of a training step of two images."""
    model, wrapped = built(config, *changes)
    model.train()
    set_random_seed(1)
    batch = next(iter(build_dataloader(build_dataset(config.data.train), 2, 0, dist=False, shuffle=False, seed=0)))
    dtype = next(model.parameters()).dtype
    batch["img"].data[0] = batch["img"].data[0].to(dtype)
    batch["gt_bboxes"].data[0] = [boxes.to(dtype) for boxes in batch["gt_bboxes"].data[0]]
    losses = wrapped(return_loss=True, **batch)
    loss, values = model._parse_losses(losses)
    loss.backward()
    return losses, values, {name: value.grad for name, value in model.named_parameters() if value.grad is not None}


@pytest.fixture
def double(monkeypatch):
    """Models and data in double precision: in fp32, rounding soon chooses other samples. mmcv's NMS wants fp32."""
    operators = sys.modules["mmcv.ops.nms"].ext_module
    nms = operators.nms
    monkeypatch.setattr(operators, "nms", lambda boxes, scores, **rest: nms(boxes.float(), scores.float(), **rest))
    targets = MaskIoUHead.get_targets  # in fp32, which torch 2.11 does not take beside predictions in double precision
    monkeypatch.setattr(MaskIoUHead, "get_targets", lambda *given: targets(*given).double())
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    ("model", "align"), [*((model, BagRoIAlign) for model in MODELS), ("pointrend_r50", ContiguousRoIAlign)]
)
def test_channels_last_keeps_losses_and_gradients(config, double, model, align):
    changed = []
    given = config(model)
    if model == "pointrend_r50":  # its choice of the least certain points is one among equals
        given.model.train_cfg.rcnn.importance_sample_ratio = 0
    _, wanted, plain = losses_and_gradients(given)
    _, found, gradients = losses_and_gradients(given, lambda model: changed.append(use_channels_last(model, align)))
    assert changed == [True]
    assert found == pytest.approx(wanted, rel=1e-9)
    assert gradients.keys() == plain.keys()
    whole = torch.cat([value.flatten() for value in plain.values()]).norm()
    for name, value in plain.items():
        assert (gradients[name] - value).norm() <= 1e-7 * value.norm() + 1e-10 * whole, name


def layout(model):
    """Types of all modules and strides of all parameters."""
    return [type(part) for part in model.modules()], [value.stride() for value in model.parameters()]


def test_channels_last_changes_layout_and_roi_align_alone(config):
    model, _ = built(config("mask_r50"))
    names, values = list(model.state_dict()), [value.clone() for value in model.state_dict().values()]
    assert use_channels_last(model) and use_channels_last(model)
    assert not any(type(part) is RoIAlign for part in model.modules())
    assert sum(type(part) is BagRoIAlign for part in model.modules()) == 8
    assert model.backbone.conv1.weight.is_contiguous(memory_format=torch.channels_last)
    assert list(model.state_dict()) == names
    assert all(map(torch.equal, values, model.state_dict().values()))


def test_a_model_with_other_operators_of_mmcv_stays_as_it_is():
    model = build_detector(Config.fromfile(str(zoo_path("dcn/mask_rcnn_r50_fpn_dconv_c3-c5_1x_coco"))).model)
    before = layout(model)
    assert use_channels_last(model) is False
    assert layout(model) == before


def test_a_model_with_an_operator_made_from_mmcvs_stays_as_it_is(config):
    model, _ = built(config("mask_r50"))
    layer = model.roi_head.bbox_roi_extractor.roi_layers[0]
    layer.__class__ = type("OwnRoIAlign", (RoIAlign,), {"__module__": "elsewhere"})
    before = layout(model)
    assert use_channels_last(model) is False
    assert layout(model) == before


def test_a_model_that_pools_the_largest_sample_stays_as_it_is(config):
    changed = config("mask_r50")
    changed.model.roi_head.bbox_roi_extractor.roi_layer.pool_mode = "max"
    model, _ = built(changed)
    before = layout(model)
    assert use_channels_last(model) is False
    assert layout(model) == before


@needs_bf16
@pytest.mark.parametrize("model", MODELS)
def test_bf16_is_near(config, model):
    _, wanted, _ = losses_and_gradients(config(model))
    losses, found, gradients = losses_and_gradients(config(model), use_channels_last, use_bf16)
    tensors = [part for value in losses.values() for part in (value if isinstance(value, list) else [value])]
    assert {part.dtype for part in tensors} == {torch.float32}
    assert {value.dtype for value in gradients.values()} == {torch.float32}
    assert found.keys() == wanted.keys()
    assert found != wanted  # it is in use
    # their losses start large, and so move with each rounding
    near = 0.1 if model in ("ms_rcnn_x101", "queryinst_r50") else 0.03
    assert found["loss"] == pytest.approx(wanted["loss"], rel=near)


@needs_bf16
@pytest.mark.parametrize("model", ["mask_r50", "pointrend_r50"])
def test_bf16_leaves_parameters_and_predictions_alone(config, model):
    found = []
    for changes in ([], [use_bf16]):
        changed = config(model)
        changed.model.test_cfg.rcnn.update(score_thr=0.0, max_per_img=20)
        one, wrapped = built(changed, *changes)
        assert {value.dtype for value in one.state_dict().values()} <= {torch.float32, torch.int64}
        found.append(predict(wrapped, build_dataset(changed.data.test, dict(test_mode=True))))
    assert len(found[0]) == 3 * 20
    assert found[0] == found[1]
