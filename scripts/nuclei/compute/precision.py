"""The precision that a stage computes in: fp32, fp16, bf16, TF32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from nuclei.common.stage import InputError

if TYPE_CHECKING:
    import mmcv
    import torch


def set_tf32(on: bool) -> None:
    """Let an NVIDIA GPU (Ampere or newer) round the factors of fp32 products to TF32, or forbid it.

    TF32 keeps 10 bits of fp32's 23-bit mantissa and is several times as fast. Left alone, torch 2.14.1 uses it in
    convolutions but not in matrix products; this sets both.
    """
    import torch

    torch.backends.cuda.matmul.allow_tf32 = on
    torch.backends.cudnn.allow_tf32 = on


def precision(config: mmcv.Config) -> Literal["fp32", "fp16", "bf16"]:
    """The precision that an mmdet Config trains in.

    fp16 is named by mmdet's own keys (`fp16`, or the type of `optimizer_config`), bf16 by the key `precision`, which is
    this project's.
    """
    if "Fp16" in config.get("optimizer_config", {}).get("type", "") or config.get("fp16") is not None:
        return "fp16"
    return config.get("precision", "fp32")


def check_precision(config: mmcv.Config, device: torch.device, trains: bool = True) -> None:
    """Raise InputError where the device cannot compute what the config asks for.

    These are fp16 on any CPU, where mmcv has none, and bf16 on a CPU without such instructions. trains: whether the
    stage trains; a model that was trained in bf16 predicts in fp32, which every device can.
    """
    import torch

    wanted = precision(config)
    # a private name of torch 2.14.1, which has no public question for it
    if trains and wanted == "bf16" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise InputError(
            "training.precision: bf16 asked for on a CPU without it, wanted one with AVX-512 or AMX; set it to fp32"
        )
    if wanted == "fp16" and device.type != "cuda":
        raise InputError(
            f"training.precision: fp16 asked for on a {device.type.upper()}, wanted a GPU; "
            "set it to fp32, or compute.device to cuda"
        )
