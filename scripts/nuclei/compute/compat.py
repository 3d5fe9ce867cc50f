"""Patches that mmcv-full 1.7.2 and mmdet 2.28.2, the last releases of 1.x and 2.x, need on torch 2.14.1.

The stages that need a patch apply it at run time; the installed packages stay as they are. Applying one twice does no
harm. The unit tests show for each what goes wrong without it.
"""

import functools
import warnings
from typing import Any


def quiet_amp() -> None:
    """Silence the FutureWarnings of fp16 training. For mmcv-full 1.7.2 on torch 2.4 or newer.

    mmcv's mixed precision uses torch.cuda.amp, a name that torch has deprecated since 2.4 and that works as before.
    """
    warnings.filterwarnings("ignore", r"`torch\.cuda\.amp\.", FutureWarning)


def patch_streams() -> None:
    """Let mmcv copy batches to a GPU. For mmcv-full 1.7.2 on torch 2.1 or newer.

    mmcv's Scatter calls torch's private `_get_stream` with the GPU's number. Since 2.1 that function wants a
    torch.device, and fails with an AttributeError on a number.
    """
    import mmcv.parallel._functions as functions
    import torch

    original = functions._get_stream

    def get_stream(device: Any) -> Any:
        return original(torch.device("cuda", device) if isinstance(device, int) and device >= 0 else device)

    if getattr(original, "__name__", "") != "get_stream":
        functions._get_stream = get_stream


def patch_epoch_sleep() -> None:
    """Drop the pauses of 2 s at the start of each epoch and of 1 s after the last. For mmcv-full 1.7.2.

    The pauses of its EpochBasedRunner are there to avoid a deadlock with the data loader's worker processes. Call this
    only where there are none.
    """
    import mmcv.runner.epoch_based_runner as loop

    class NoSleep:
        """Stands in for the module `time` in mmcv's epoch loop, which uses its `sleep` alone."""

        @staticmethod
        def sleep(_seconds: float) -> None:
            """Return at once."""

    loop.time = NoSleep


def patch_points() -> None:
    """Let PointRend train on a batch without any nucleus. For mmdet 2.28.2 and mmcv-full 1.7.2.

    Its mask and point heads join the features of the instances of each image, and fail where no image has one. Both
    losses are then 0, with a gradient of 0, as the mask losses of mmdet's other models are.
    """
    from mmdet.models.roi_heads import PointRendRoIHead

    original = PointRendRoIHead._mask_forward_train

    @functools.wraps(original)
    def train_masks(self: Any, x: Any, sampling_results: Any, *others: Any) -> Any:
        if any(len(result.pos_bboxes) for result in sampling_results):
            return original(self, x, sampling_results, *others)
        heads = {"loss_mask": self.mask_head, "loss_point": self.point_head}
        losses = {name: sum(p.sum() for p in head.parameters()) * 0 for name, head in heads.items()}
        return {"loss_mask": losses}

    if not hasattr(original, "__wrapped__"):
        PointRendRoIHead._mask_forward_train = train_masks


def patch_paste() -> None:
    """Let mmdet paste the mask of a box that lies outside of the image, as an empty mask. For mmdet 2.28.2 on a CPU.

    Detectors that do not clip their boxes to the image, such as QueryInst, return such boxes. mmdet's `_do_paste_mask`
    then fails, since the region that it would fill has a negative size.
    """
    import mmdet.models.roi_heads.mask_heads.fcn_mask_head as head
    import torch

    original = head._do_paste_mask

    @functools.wraps(original)
    def paste(masks: Any, boxes: Any, img_h: Any, img_w: Any, skip_empty: bool = True) -> Any:
        if skip_empty and len(boxes):
            (left, top), (right, bottom) = boxes[:, :2].amin(0), boxes[:, 2:].amax(0)
            if left >= img_w + 1 or top >= img_h + 1 or right <= -1 or bottom <= -1:
                return masks.new_zeros((len(boxes), 0, 0), dtype=torch.float32), (slice(0, 0), slice(0, 0))
        return original(masks, boxes, img_h, img_w, skip_empty)

    if not hasattr(original, "__wrapped__"):
        head._do_paste_mask = paste
