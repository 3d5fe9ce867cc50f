"""mmcv's operators on a card against its operators on the CPU, on the same numbers; make test-gpu."""

import pytest
import torch
import torchvision

from gpu.devices import CARD, TWIN, device_of, is_small
from gpu.operators import OPERATORS, TOLERANCE, compare, detections
from gpu.records import record

# Each NMS by torchvision, which is no reference of mmcv's own making.
BY_TORCHVISION = {
    "nms": lambda boxes, scores, _: torchvision.ops.nms(boxes, scores, 0.5),
    "batched_nms": lambda boxes, scores, groups: torchvision.ops.batched_nms(boxes, scores, groups, 0.7),
    "batched_nms, split": lambda boxes, scores, groups: torchvision.ops.batched_nms(boxes, scores, groups, 0.7),
}
CASES = [(name, dtype) for name, operator in OPERATORS.items() for dtype in operator.dtypes]


def short(dtype):
    """Name of a dtype."""
    return str(dtype).removeprefix("torch.")


@pytest.mark.parametrize("on", [CARD, TWIN])
@pytest.mark.parametrize(("name", "dtype"), CASES, ids=lambda value: short(value).replace(" ", "_"))
def test_operator_gives_the_cpu_s_values(on, name, dtype, records_apart):
    device = device_of(on)
    forward, backward = compare(name, dtype, device, is_small(device))
    limits = TOLERANCE[dtype]
    ok = forward <= limits[0] and (backward is None or backward <= limits[1])
    values = {"forward_difference": forward, "backward_difference": backward, "ok": ok}
    record("operator", name=name, dtype=short(dtype), **values, device=device.type)
    assert ok, (forward, backward, limits)


@pytest.mark.parametrize("name", BY_TORCHVISION)
@pytest.mark.parametrize("on", [CARD, TWIN])
def test_nms_keeps_what_torchvision_s_keeps_on_the_cpu(on, name):
    device = device_of(on)
    given, scores, groups = detections(torch.Generator().manual_seed(1), is_small(device))
    inputs = given.float(), scores.float(), groups
    found = OPERATORS[name].call(*(value.to(device) for value in inputs)).tolist()
    assert found == BY_TORCHVISION[name](*inputs).tolist()
    assert 10 < len(found) < len(given)
