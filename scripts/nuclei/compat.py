"""What mmcv-full 1.7.2 needs to run well on this torch; applied at run time, site-packages stay as they are."""

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
