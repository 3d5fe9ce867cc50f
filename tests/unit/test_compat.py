"""Patches of mmcv and mmdet at run time; each test fails without its patch."""

import mmdet.models.roi_heads.mask_heads.fcn_mask_head as head
import pytest
import torch

from nuclei.compat import patch_paste


def unpatch():
    head._do_paste_mask = getattr(head._do_paste_mask, "__wrapped__", head._do_paste_mask)


@pytest.mark.parametrize("box", [[40, 10, 60, 20], [10, 40, 20, 60], [-30, 5, -8, 9], [5, -30, 9, -8]])
def test_a_box_outside_the_image_has_an_empty_mask(box):
    masks, boxes = torch.ones(1, 1, 28, 28), torch.tensor([box], dtype=torch.float32)
    unpatch()
    with pytest.raises(RuntimeError):
        head._do_paste_mask(masks, boxes, 30, 30)
    patch_paste()
    pasted, where = head._do_paste_mask(masks, boxes, 30, 30)
    canvas = torch.zeros(1, 30, 30)
    canvas[(slice(None), *where)] = pasted
    assert not canvas.any()


def test_boxes_inside_and_across_the_border_are_pasted_as_before():
    masks = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    for box in ([3.2, 4.1, 20.7, 22.9], [-5, -5, 8, 9], [25, 25, 40, 44], [29, 29, 31, 33]):
        boxes = torch.tensor([box], dtype=torch.float32)
        unpatch()
        wanted, place = head._do_paste_mask(masks, boxes, 30, 30)
        patch_paste()
        found, where = head._do_paste_mask(masks, boxes, 30, 30)
        assert torch.equal(found, wanted) and where == place
