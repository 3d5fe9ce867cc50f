"""What mmcv-full 1.7.2 needs to run well on this torch; applied at run time, site-packages stay as they are."""

import functools
import warnings


def quiet_amp():
    """Drop torch's remark that mmcv's mixed precision names torch.cuda.amp, which works as before."""
    warnings.filterwarnings("ignore", r"`torch\.cuda\.amp\.", FutureWarning)


def patch_streams():
    """Let mmcv's scatter hand torch >= 2.1 the torch.device that its `_get_stream` wants, instead of an int."""
    import mmcv.parallel._functions as functions
    import torch

    original = functions._get_stream

    def get_stream(device):
        return original(torch.device("cuda", device) if isinstance(device, int) and device >= 0 else device)

    if getattr(original, "__name__", "") != "get_stream":
        functions._get_stream = get_stream


def patch_epoch_sleep():
    """Drop the 2 s that mmcv's epoch loop sleeps for the sake of worker processes; call where there are none."""
    import mmcv.runner.epoch_based_runner as loop

    class NoSleep:
        """Stands for the module `time` in mmcv's epoch loop, which only calls sleep."""

        @staticmethod
        def sleep(_seconds):
            """Return at once."""

    loop.time = NoSleep


def patch_paste():
    """Let mmdet paste the mask of a box that lies outside the image (nothing) instead of failing, on the CPU.

    Detectors that do not clip their boxes (QueryInst) find such boxes.
    """
    import mmdet.models.roi_heads.mask_heads.fcn_mask_head as head
    import torch

    original = head._do_paste_mask

    @functools.wraps(original)
    def paste(masks, boxes, img_h, img_w, skip_empty=True):
        if skip_empty and len(boxes):
            (left, top), (right, bottom) = boxes[:, :2].amin(0), boxes[:, 2:].amax(0)
            if left >= img_w + 1 or top >= img_h + 1 or right <= -1 or bottom <= -1:
                return masks.new_zeros((len(boxes), 0, 0), dtype=torch.float32), (slice(0, 0), slice(0, 0))
        return original(masks, boxes, img_h, img_w, skip_empty)

    if not hasattr(original, "__wrapped__"):
        head._do_paste_mask = paste
