"""The device that a stage computes on."""

from nuclei.stage import InputError


def find_device(name):
    """torch.device for auto (a GPU where there is one), cpu, cuda or cuda:N; InputError where it is not there."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"training.device: {name!r} is no device, wanted auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"training.device: {name} asked for, torch finds {torch.cuda.device_count()} GPUs; set it to auto or cpu"
        )
    return device
