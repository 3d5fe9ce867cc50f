"""mmcv's operators on seeded inputs, each computed on a device and, as its reference, on the CPU.

The reference takes the very numbers that the device gets (rounded to fp16, for example), and computes in fp64 where the
operator can. So differences are those of the device's arithmetic and of the precision of the result. They are the
largest absolute difference, as a share of the reference's largest absolute value; indices have to be equal.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from mmcv.ops import SimpleRoIAlign, batched_nms, nms, point_sample, rel_roi_point_to_rel_img_point, roi_align

SIDE = 800  # px of the image that boxes lie in
SCALE = 0.25  # size of the feature map by that of the image
FLOATS = torch.float32, torch.float16, torch.bfloat16


def boxes(generator, count, least=8.0, most=40.0):
    """Boxes of the size of nuclei, and a tenth of them larger: float64, (count, 4), left, top, right, bottom, px."""
    sides = least + (most - least) * torch.rand(count, 2, generator=generator, dtype=torch.float64)
    sides[::10] *= 8
    corners = torch.rand(count, 2, generator=generator, dtype=torch.float64) * (SIDE - sides)
    return torch.cat([corners, corners + sides], 1)


def rois(generator, count):
    """Boxes with the index of one of two images in front: (count, 5)."""
    images = torch.arange(count, dtype=torch.float64) % 2
    return torch.cat([images[:, None], boxes(generator, count)], 1)


def smooth(generator, images, channels, side):
    """Feature maps of waves, so that coordinates rounded to fp16 change few values: (images, channels, side, side)."""
    waves = torch.rand(4, images, channels, 1, 1, generator=generator, dtype=torch.float64)
    at = torch.arange(side, dtype=torch.float64) / 40
    return torch.sin(waves[0] * at[:, None] + waves[1] * at[None] + 6 * waves[2]) + 2 * waves[3] - 1


def detections(generator, small):
    """Boxes, scores without ties, and one of five groups of each.

    Under the seeds in use no two boxes have an IoU within 1e-5 of a threshold, so rounding does not decide what stays.
    """
    count = 500 if small else 8000
    scores = torch.randperm(count, generator=generator).double() / count
    return boxes(generator, count), scores, torch.arange(count) % 5


def features_and_rois(generator, small):
    """A feature map with gradient, and RoIs."""
    return smooth(generator, 2, 4 if small else 64, int(SIDE * SCALE)), rois(generator, 40 if small else 512)


def masks_and_rois(generator, small):
    """Masks of discs, and a box around each with the mask's index in front."""
    count, side = 4 if small else 64, 100 if small else SIDE
    centres = side * (0.3 + 0.4 * torch.rand(count, 2, generator=generator, dtype=torch.float64))
    at = torch.arange(side, dtype=torch.float64)
    far = (at[None, None] - centres[:, 0, None, None]) ** 2 + (at[None, :, None] - centres[:, 1, None, None]) ** 2
    numbers = torch.arange(count, dtype=torch.float64)[:, None]
    return (far < 10**2).double()[:, None], torch.cat([numbers, centres - 12.3, centres + 11.4], 1)


def features_and_points(generator, small):
    """A feature map with gradient, and points in it as shares of its sides."""
    features = smooth(generator, 2, 4 if small else 256, int(SIDE * SCALE))
    return features, torch.rand(2, 784, 2, generator=generator, dtype=torch.float64)


def rois_and_points(generator, small):
    """RoIs, and points in each as shares of its sides."""
    count = 40 if small else 512
    return rois(generator, count), torch.rand(count, 196, 2, generator=generator, dtype=torch.float64)


@dataclass
class Operator:
    """An operator as the models call it.

    inputs(generator, small): its tensors, floats in fp64. call(*inputs): a tensor. dtypes: those that mmcv has it for.
    reference: dtype in which the CPU computes the reference. gradient: whether the first input gets one. mixed: in fp16
    and bf16 the first input alone has that dtype, under autocast, as in training with mixed precision.
    """

    inputs: Callable
    call: Callable
    dtypes: tuple = FLOATS
    reference: torch.dtype = torch.float64
    gradient: bool = False
    mixed: bool = False


SPLIT = {"type": "nms", "iou_threshold": 0.7, "split_thr": 100}
# mmcv's NMS takes fp32 alone, and its RoIAlign no bf16: bf16 training gives both fp32 (nuclei.compute.acceleration).
# RoIAlign in fp16 rounds its own coordinates, so there it gets as many samples in each RoI as its size cannot change.
OPERATORS = {
    "nms": Operator(detections, lambda b, s, _: nms(b, s, 0.5)[1], dtypes=(torch.float32,), reference=torch.float32),
    "batched_nms": Operator(
        detections,
        lambda b, s, groups: batched_nms(b, s, groups, {"type": "nms", "iou_threshold": 0.7})[1],
        dtypes=(torch.float32,),
        reference=torch.float32,
    ),
    "batched_nms, split": Operator(
        detections,
        lambda b, s, groups: batched_nms(b, s, groups, SPLIT)[1],
        dtypes=(torch.float32,),
        reference=torch.float32,
    ),
    "roi_align": Operator(
        features_and_rois,
        lambda f, r: roi_align(f, r, (7, 7), SCALE, 0, "avg", True),
        dtypes=(torch.float32,),
        gradient=True,
    ),
    "roi_align, 2 samples": Operator(
        features_and_rois,
        lambda f, r: roi_align(f, r, (14, 14), SCALE, 2, "avg", True),
        dtypes=(torch.float32, torch.float16),
        gradient=True,
    ),
    "roi_align of masks": Operator(
        masks_and_rois, lambda m, r: roi_align(m, r, (28, 28), 1.0, 0, "avg", True), dtypes=(torch.float32,)
    ),
    "SimpleRoIAlign": Operator(
        features_and_rois, lambda f, r: SimpleRoIAlign((14, 14), SCALE)(f, r), gradient=True, mixed=True
    ),
    "point_sample": Operator(features_and_points, lambda f, p: point_sample(f, p), gradient=True, mixed=True),
    "rel_roi_point_to_rel_img_point": Operator(
        rois_and_points,
        lambda r, p: rel_roi_point_to_rel_img_point(r, p, (200, 200), SCALE),
        dtypes=(torch.float32,),
    ),
}
# Largest differences, as shares, of values and of gradients: RoIAlign in fp16 rounds coordinates, too.
TOLERANCE = {torch.float32: (1e-4, 1e-4), torch.float16: (2e-2, 0.15), torch.bfloat16: (2e-2, 2e-2)}


def rounded(operator, inputs, dtype):
    """The inputs as the operator gets them in a dtype; integers stay."""
    coarse = [dtype if number == 0 or not operator.mixed else torch.float32 for number in range(len(inputs))]
    return [v.to(to) if v.is_floating_point() else v for v, to in zip(inputs, coarse, strict=True)]


def run(operator, inputs, device, mixed=None):
    """(values, gradient of the first input or None) on a device, both on the CPU, floats in fp64. mixed: of autocast.

    The gradient is that of a sum of the values with random weights, so that a value that goes to a wrong place shows.
    """
    given = [value.detach().to(device, copy=True) for value in inputs]
    if operator.gradient:
        given[0].requires_grad_()
    with torch.autocast(device.type, dtype=mixed, enabled=mixed is not None):
        found = operator.call(*given)
    if operator.gradient:
        weights = 0.5 + torch.rand(found.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        (found * weights.to(found)).sum().backward()
    gradient = given[0].grad.double().cpu() if operator.gradient else None
    values = found.detach().cpu()
    return values.double() if values.is_floating_point() else values, gradient


def difference(found, wanted):
    """Largest absolute difference as a share of the largest absolute value wanted.

    inf where shapes differ, where a value is not finite, and where indices differ.
    """
    if found.shape != wanted.shape or not torch.isfinite(found).all():
        return float("inf")
    if not found.is_floating_point():
        return 0.0 if torch.equal(found, wanted) else float("inf")
    return float((found - wanted).abs().max() / wanted.abs().max().clamp(min=1e-12))


def compare(name, dtype, device, small):
    """(difference of values, difference of gradients or None) of an operator on a device and of its reference."""
    operator = OPERATORS[name]
    inputs = rounded(operator, operator.inputs(torch.Generator().manual_seed(0), small), dtype)
    mixed = dtype if operator.mixed and dtype != torch.float32 else None
    found, gradient = run(operator, inputs, device, mixed)
    exact = [value.to(operator.reference) if value.is_floating_point() else value for value in inputs]
    wanted, right = run(operator, exact, torch.device("cpu"))
    return difference(found, wanted), difference(gradient, right) if operator.gradient else None
