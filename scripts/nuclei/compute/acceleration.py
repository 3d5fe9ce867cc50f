"""Faster training on a CPU at the same losses: memory layout, RoIAlign by embedding bags, bf16 where asked for.

The model's parameters keep their names and values, so that checkpoints are read with and without it.
"""

import functools

import torch
from mmcv.ops import RoIAlign, SimpleRoIAlign
from torch.nn import functional


def axis_taps(start, size, cells, samples, length):
    """What RoIAlign's samples along one axis read of a feature map.

    start, size: of RoIs, in cells of the map, float, (K,). cells: output cells; samples: in each of them. length: of
    the map. Returns index (K, cells, samples * 2), int64, and weight of the same shape: bilinear, 0 outside of the map.
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


def roi_align(features, rois, output_size, spatial_scale=1.0, sampling_ratio=0, aligned=True):
    """RoIAlign (He et al., Mask R-CNN, ICCV 2017, section 3) as weighted sums of a map's cells, mean of the samples.

    Equal to mmcv.ops.roi_align up to the order of sums, and differentiable in `features`; several times as fast on a
    CPU, as mmcv adds each channel of each sample by itself.
    features: float (N, C, H, W). rois: (K, 5), image's index, left, top, right, bottom in px of the image, pixel edges
    at integers. output_size: (height, width). sampling_ratio: samples a cell and axis, 0: as many as the cell is wide.
    Returns (K, C, height, width), channels last in memory.
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
    # with no RoI to sum, the result is differentiable all the same
    parts, places = [table[:0].view(0, *output_size, channels)], [image[:0]]
    for pair in samples.unique(dim=0):
        if pair.min() < 1:  # an empty RoI: zeros
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
    """mmcv's RoIAlign layer, computed by roi_align above."""

    def forward(self, input, rois):
        """See roi_align."""
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)


def use_channels_last(model):
    """Keep feature maps channels last in memory, which suits the CPU's convolutions, and replace mmcv's RoIAlign.

    mmcv's own operators read such maps wrongly on a CPU, without an error: a model with another of them stays as it is.
    Returns whether the model was changed.
    """
    own = [m for m in model.modules() if any(base.__module__.startswith("mmcv.ops.") for base in type(m).__mro__)]
    aligns = [module for module in own if type(module) in (RoIAlign, BagRoIAlign) and module.pool_mode == "avg"]
    if len(aligns) < sum(not isinstance(module, SimpleRoIAlign) for module in own):
        return False
    for module in aligns:
        module.__class__ = BagRoIAlign
    model.to(memory_format=torch.channels_last)
    return True


def as_float(value):
    """The value with each bf16 tensor in it as fp32."""
    if isinstance(value, torch.Tensor):
        return value.float() if value.dtype == torch.bfloat16 else value
    return type(value)(map(as_float, value)) if isinstance(value, (list, tuple)) else value


def in_bf16(module):
    """Let a module compute in bf16 while it trains; what it returns is fp32."""
    forward = module.forward

    @functools.wraps(forward)
    def wrapped(*inputs, **options):
        if not module.training:
            return forward(*inputs, **options)
        device = next(module.parameters()).device.type
        with torch.autocast(device, dtype=torch.bfloat16):
            return as_float(forward(*inputs, **options))

    module.forward = wrapped


def use_bf16(model):
    """Train backbone, neck and heads in bf16: parameters, losses, boxes and validation stay fp32."""
    places = [model, getattr(model, "roi_head", None)]
    for place in filter(None, places):
        for name in ("backbone", "neck", "rpn_head", "bbox_head", "mask_head", "mask_iou_head"):
            found = getattr(place, name, None)
            for module in found if isinstance(found, torch.nn.ModuleList) else filter(None, [found]):
                in_bf16(module)
