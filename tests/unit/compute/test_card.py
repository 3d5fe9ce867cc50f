"""What makes a training on a GPU faster changes no result, shown on a CPU: layout, pinned batches, fused steps."""

import copy

import pytest
import torch
from mmcv import Config
from mmcv.ops import RoIAlign
from mmcv.parallel import DataContainer, collate
from mmdet.utils import compat_cfg
from torch.utils.data._utils.pin_memory import pin_memory

from nuclei.compute.card import ContiguousRoIAlign, use_fused_steps, use_pinned_batches

ROIS = torch.tensor([[0, 1.0, 2.0, 30.0, 40.0], [1, 5.0, 0.0, 50.0, 33.0]])


def aligned(layer, features):
    """RoIs' values and the gradient in the features."""
    given = features.clone(memory_format=torch.preserve_format).requires_grad_()
    found = layer((3, 4), 0.5, 2)(given, ROIS)
    (found * torch.linspace(-1, 1, found.numel()).view(found.shape)).sum().backward()
    return found.detach(), given.grad


def test_roi_align_of_channels_last_maps_is_that_of_contiguous_ones():
    features = torch.rand(2, 5, 24, 30, generator=torch.Generator().manual_seed(0))
    wanted = aligned(RoIAlign, features)
    last = features.contiguous(memory_format=torch.channels_last)
    assert not torch.allclose(aligned(RoIAlign, last)[0], wanted[0])  # mmcv's own reads it wrongly
    assert all(map(torch.equal, aligned(ContiguousRoIAlign, last), wanted))


@pytest.fixture
def copies(monkeypatch):
    """Tensors that were pinned, where there is no GPU to pin for; DataContainer is left as it was."""
    found = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: found.append(tensor) or tensor.clone())
    monkeypatch.setattr(DataContainer, "pin_memory", None, raising=False)
    monkeypatch.delattr(DataContainer, "pin_memory")
    return found


def test_batches_are_pinned_but_for_what_stays_on_the_cpu(copies):
    image, boxes, names = torch.rand(3, 8, 8), torch.rand(2, 4), {"file": "a.png"}
    one = {
        "img": DataContainer(image, stack=True),
        "gt_bboxes": DataContainer(boxes),
        "img_metas": DataContainer(names, cpu_only=True),
    }
    batch = collate([one, one], samples_per_gpu=2)
    assert pin_memory(batch)["img"] is batch["img"] and not copies  # torch alone pins nothing of it
    config = Config({"data": {"samples_per_gpu": 2, "workers_per_gpu": 3, "val": {}, "test": {}}, "runner": {}})
    use_pinned_batches(config)
    assert compat_cfg(config).data.train_dataloader == {"samples_per_gpu": 2, "workers_per_gpu": 3, "pin_memory": True}
    found = pin_memory(batch)
    assert [tuple(tensor.shape) for tensor in copies] == [(2, 3, 8, 8), (2, 4), (2, 4)]
    assert found["img"] is not batch["img"] and found["img"].stack and not batch["gt_bboxes"].stack
    assert torch.equal(found["img"].data[0], batch["img"].data[0])
    assert all(map(torch.equal, found["gt_bboxes"].data[0], batch["gt_bboxes"].data[0]))
    assert found["img_metas"] is batch["img_metas"] and found["img_metas"].data[0] == [names, names]


OPTIMIZERS = {
    "sgd": lambda weights: torch.optim.SGD(weights, 0.1, momentum=0.9, weight_decay=1e-2),
    "plain": lambda weights: torch.optim.SGD(weights, 0.1),
    "adamw": lambda weights: torch.optim.AdamW(weights, 0.01, weight_decay=0.05),
}


def stepped(make, changed, resumed_after=None):
    """Weights after 6 steps. The second weight has no gradient in the first two. changed: fused steps."""
    generator = torch.Generator().manual_seed(0)
    weights = [torch.nn.Parameter(torch.rand(50, generator=generator)) for _ in range(3)]
    weights[2].requires_grad_(False)
    optimizer = make(weights)
    if changed and resumed_after is None:
        assert use_fused_steps(optimizer)
    for step in range(6):
        if step == resumed_after:
            state = copy.deepcopy(optimizer.state_dict())
            optimizer = make(weights)
            optimizer.load_state_dict(state)
            assert use_fused_steps(optimizer)
        for weight in weights[: 1 if step < 2 else 2]:
            weight.grad = torch.rand(50, generator=generator) - 0.5
        optimizer.step()
        optimizer.zero_grad()
    fused = all(group["fused"] for group in optimizer.param_groups)
    assert fused == (changed or resumed_after is not None)
    return torch.stack([weight.detach() for weight in weights])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fused_steps_are_the_same_steps(name):
    wanted = stepped(OPTIMIZERS[name], False)
    assert (wanted[2] == stepped(OPTIMIZERS[name], True)[2]).all()
    for found in (stepped(OPTIMIZERS[name], True), *(stepped(OPTIMIZERS[name], False, at) for at in (1, 4))):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


def test_a_late_gradient_needs_a_momentum_to_start_from():
    with pytest.raises((RuntimeError, TypeError)):
        stepped(lambda weights: torch.optim.SGD(weights, 0.1, momentum=0.9, fused=True), False)


def test_other_optimizers_stay_as_they_are():
    weights = [torch.nn.Parameter(torch.ones(2))]
    others = torch.optim.SGD(weights, 0.1, momentum=0.9, dampening=0.5), torch.optim.RMSprop(weights, 0.1)
    assert [use_fused_steps(optimizer) for optimizer in others] == [False, False]
    assert not others[0].param_groups[0]["fused"]
