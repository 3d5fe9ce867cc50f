"""mmcv's operators on a card against its operators on the CPU, on the same numbers; make test-gpu."""

import pytest
import torch
import torchvision
from mmcv.ops import nms

from gpu.devices import CARD, TWIN, device_of, is_small
from gpu.operators import OPERATORS, TOLERANCE, compare, detections
from gpu.records import record

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


@pytest.mark.parametrize("on", [CARD, TWIN])
def test_nms_keeps_what_torchvision_s_keeps_on_the_cpu(on):
    """A reference that is not mmcv's own."""
    device = device_of(on)
    given, scores, _ = detections(torch.Generator().manual_seed(1), is_small(device))
    given, scores = given.float(), scores.float()
    found = nms(given.to(device), scores.to(device), 0.5)[1].tolist()
    assert found == torchvision.ops.nms(given, scores, 0.5).tolist()
    assert 10 < len(found) < len(given)
