"""Faster training on a CPU: memory layout, RoIAlign and IoU of boxes at the same losses, and bf16 if it is asked for.

The model's parameters keep their names and values, so that a checkpoint fits the model with and without these changes.
Written for mmcv-full 1.7.2 and mmdet 2.28.2, whose modules and operators it replaces, on torch 2.14.1.
"""

import functools
from typing import Any

import torch
from mmcv.ops import RoIAlign, SimpleRoIAlign
from mmdet.core.bbox.iou_calculators import iou2d_calculator
from torch.nn import functional


def axis_taps(
    start: torch.Tensor, size: torch.Tensor, cells: int, samples: int, length: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Which values of a feature map RoIAlign's samples read along one axis, and with which weight.

    start, size: start and length of each RoI along the axis, float, (K,). The unit is the distance between two values
    of the map; value i is at coordinate i. cells: number of output cells along the axis. samples: number of samples in
    each cell. length: number of the map's values along the axis.
    Returns index, int64, (K, cells, samples * 2), and weight, float, of the same shape. Each sample reads the values on
    its two sides (linear interpolation). Both weights are 0 if it is more than one unit outside of the map.
    """
    steps = (torch.arange(cells * samples, dtype=start.dtype) + 0.5) / samples
    at = start[:, None] + steps * (size / cells)[:, None]
    inside = (at >= -1) & (at <= length)
    at = at.clamp(0, length - 1)
    low = at.floor()
    part = at - low
    index = torch.stack([low, (low + 1).clamp(max=length - 1)], -1).long()
    weight = torch.stack([1 - part, part], -1) * inside[..., None]
    return index.view(-1, cells, samples * 2), weight.view(-1, cells, samples * 2)


def roi_align(
    features: torch.Tensor,
    rois: torch.Tensor,
    output_size: tuple[int, int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = 0,
    aligned: bool = True,
) -> torch.Tensor:
    """RoIAlign (He et al., Mask R-CNN, ICCV 2017, section 3): each output cell is the mean of samples of a feature map.

    Equal to mmcv.ops.roi_align with pool_mode "avg" up to the order of sums, and differentiable in `features`. It is
    several times as fast on a CPU, since one embedding_bag adds all channels of a sample at once where mmcv adds each
    channel by itself.
    features: float, (N, C, H, W). rois: float, (K, 5): the image's index, left, top, right, bottom; x right, y down, px
    of the image, pixel edges at integers. output_size: (height, width) in cells. spatial_scale: the map's size divided
    by the image's. sampling_ratio: number of samples in each cell along each axis; with 0 it is the size of the cell
    along the axis, in values of the map, rounded up. aligned: RoIs are moved by half the distance between two values of
    the map, because these are at the centres of its pixels. Without it, as in older models, RoIs are not moved, and
    have a width and height of at least one value.
    Returns float, (K, C, height, width), channels last in memory.
    """
    channels, *lengths = features.shape[1:]
    table = features.permute(0, 2, 3, 1).reshape(-1, channels)
    found = features.new_zeros((len(rois), *output_size, channels))
    corners = rois[:, 1:].detach() * spatial_scale - (0.5 if aligned else 0.0)
    starts, sizes = corners[:, [1, 0]], corners[:, [3, 2]] - corners[:, [1, 0]]
    if not aligned:
        sizes = sizes.clamp(min=1.0)
    cells = sizes.new_tensor(output_size)
    samples = torch.full_like(sizes, sampling_ratio) if sampling_ratio > 0 else (sizes / cells).ceil().clamp(min=0)
    image = rois[:, 0].long() * (lengths[0] * lengths[1])
    # Each list starts with an empty tensor. So torch.cat works even if no RoI has a sample, and so does backward(),
    # because the result still depends on `features`.
    parts, places = [table[:0].view(0, *output_size, channels)], [image[:0]]
    for pair in samples.unique(dim=0):
        if pair.min() < 1:  # an empty RoI stays all zeros
            continue
        place = (samples == pair).all(1).nonzero()[:, 0]
        (rows, down), (columns, across) = (
            axis_taps(starts[place, axis], sizes[place, axis], output_size[axis], int(pair[axis]), lengths[axis])
            for axis in (0, 1)
        )
        index = (image[place, None, None] + rows * lengths[1])[:, :, None, :, None] + columns[:, None, :, None, :]
        weight = down[:, :, None, :, None] * across[:, None, :, None, :] / float(pair.prod())
        taps = index.shape[-1] * index.shape[-2]
        sums = functional.embedding_bag(
            index.reshape(-1, taps), table, per_sample_weights=weight.reshape(-1, taps), mode="sum"
        )
        parts.append(sums.view(-1, *output_size, channels))
        places.append(place)
    return found.index_copy(0, torch.cat(places), torch.cat(parts)).permute(0, 3, 1, 2)


class BagRoIAlign(RoIAlign):
    """mmcv-full 1.7.2's RoIAlign layer, computed by roi_align above."""

    def forward(self, input: torch.Tensor, rois: torch.Tensor) -> torch.Tensor:
        """See roi_align."""
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)


def use_channels_last(model: torch.nn.Module, align: type[RoIAlign] = BagRoIAlign) -> bool:
    """Let a model keep its feature maps channels last in memory, which convolutions on a CPU compute faster.

    The operators of mmcv-full 1.7.2 read such maps wrongly, without an error. So RoIAlign is replaced by `align`, and a
    model that has any other of these operators stays as it is. (SimpleRoIAlign is made of torch's operators and reads
    them rightly.) Returns whether the model was changed.
    align: a RoIAlign with the same values that takes such maps. BagRoIAlign is the fast one on a CPU.
    """
    own = [m for m in model.modules() if any(base.__module__.startswith("mmcv.ops.") for base in type(m).__mro__)]
    aligns = [module for module in own if type(module) in (RoIAlign, align) and module.pool_mode == "avg"]
    if len(aligns) < sum(not isinstance(module, SimpleRoIAlign) for module in own):
        return False
    for module in aligns:
        module.__class__ = align
    model.to(memory_format=torch.channels_last)
    return True


def box_ious(first: torch.Tensor, second: torch.Tensor, eps: float = 1e-6) -> torch.Tensor:
    """The IoU of each of K boxes with each of N boxes, (K, N), with the very values of mmdet's bbox_overlaps.

    first, second: (K, 4) and (N, 4), float: left, top, right, bottom. eps: smallest union. It takes the same steps in
    the same order, but on whole planes in place, where mmdet keeps pairs of x and y in each of six new arrays; with
    thousands of anchors and a hundred nuclei that is three to six times as fast.
    """
    left, top, right, bottom = (side[:, None] for side in first.t().contiguous())
    left2, top2, right2, bottom2 = (side[None] for side in second.t().contiguous())
    areas = (right - left) * (bottom - top), (right2 - left2) * (bottom2 - top2)
    overlap = torch.minimum(right, right2).sub_(torch.maximum(left, left2)).clamp_(min=0)
    height = torch.minimum(bottom, bottom2).sub_(torch.maximum(top, top2)).clamp_(min=0)
    overlap.mul_(height)
    union = torch.add(*areas, out=height).sub_(overlap).clamp_(min=eps)
    return overlap.div_(union)


def use_fast_ious() -> None:
    """Let mmdet's assigners and samplers compute the IoU of boxes on a CPU by box_ious. Twice does no harm."""
    by_mmdet = iou2d_calculator.bbox_overlaps
    if hasattr(by_mmdet, "__wrapped__"):
        return

    @functools.wraps(by_mmdet)
    def overlaps(
        bboxes1: torch.Tensor,
        bboxes2: torch.Tensor,
        mode: str = "iou",
        is_aligned: bool = False,
        eps: float = 1e-6,
    ) -> torch.Tensor:
        boxes = bboxes1, bboxes2
        plain = mode == "iou" and not is_aligned and all(side.dim() == 2 and len(side) for side in boxes)
        if plain and all(side.dtype == torch.float32 and not side.is_cuda and not side.requires_grad for side in boxes):
            return box_ious(bboxes1, bboxes2, eps)
        return by_mmdet(bboxes1, bboxes2, mode, is_aligned, eps)

    iou2d_calculator.bbox_overlaps = overlaps


def as_float(value: Any) -> Any:
    """The value with every bf16 tensor in it turned into fp32. value: a tensor, or lists and tuples of values."""
    if isinstance(value, torch.Tensor):
        return value.float() if value.dtype == torch.bfloat16 else value
    return type(value)(map(as_float, value)) if isinstance(value, (list, tuple)) else value


def in_bf16(module: torch.nn.Module) -> None:
    """Let a module compute in bf16 while it trains, and return fp32. In evaluation it computes as before."""
    forward = module.forward

    @functools.wraps(forward)
    def wrapped(*inputs: Any, **options: Any) -> Any:
        if not module.training:
            return forward(*inputs, **options)
        device = next(module.parameters()).device.type
        with torch.autocast(device, dtype=torch.bfloat16):
            return as_float(forward(*inputs, **options))

    module.forward = wrapped


def use_bf16(model: torch.nn.Module) -> None:
    """Train the backbone, neck and heads of an mmdet detector in bf16 (torch.autocast).

    Parameters, losses, boxes and validation stay fp32: bf16 has only 8 significant bits.
    """
    places = [model, getattr(model, "roi_head", None)]
    for place in filter(None, places):
        for name in ("backbone", "neck", "rpn_head", "bbox_head", "mask_head", "mask_iou_head"):
            found = getattr(place, name, None)
            for module in found if isinstance(found, torch.nn.ModuleList) else filter(None, [found]):
                in_bf16(module)
