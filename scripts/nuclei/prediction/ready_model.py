"""A trained model, ready to predict: built of its config, with its weights, on its device."""

from typing import TYPE_CHECKING, Any

from nuclei.common.stage import InputError
from nuclei.compute.device import claim_gpu
from nuclei.compute.precision import precision
from nuclei.prediction.trained_weights import load_weights

if TYPE_CHECKING:
    import torch
    from mmcv import Config
    from torch import nn


def ready_model(config: "Config", checkpoint: str, device: "torch.device", label: str) -> tuple["nn.Module", Any]:
    """(the detector, wrapped by mmdet's build_dp and in the evaluation mode; the claim on its GPU).

    config, device: of nuclei.compute.device.set_up. checkpoint: path of the weights. label: start of progress lines.
    The claim must stay referenced as long as the model is used. InputError where the weights do not fit, or the model
    does not fit on the GPU.
    """
    import torch
    from mmcv.runner import wrap_fp16_model
    from mmdet.apis import set_random_seed
    from mmdet.utils import build_dp

    import nuclei.models.augmentation  # noqa: F401 - registers the steps that config.py names
    from nuclei.compute.compat import patch_paste, patch_streams, quiet_amp
    from nuclei.models.detector import build_model

    set_random_seed(config.seed)
    model = build_model(config)
    load_weights(model, checkpoint)
    if precision(config) == "fp16":  # as in the validation during training
        wrap_fp16_model(model)
    patch_streams()
    patch_paste()
    quiet_amp()
    device, gpu = claim_gpu(device, label)
    try:
        model = build_dp(model, device.type, device_ids=[device.index or 0])
    except torch.cuda.OutOfMemoryError as error:
        raise InputError(
            f"{label}: the model does not fit on {device} ({str(error)[:120]}); free the GPU of other programs"
        ) from None
    model.eval()
    return model, gpu
