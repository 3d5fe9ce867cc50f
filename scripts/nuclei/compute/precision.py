"""The precision that a stage computes in: fp32, fp16, bf16, TF32."""

from nuclei.common.stage import InputError


def set_tf32(on):
    """Let a GPU round the factors of fp32 products to TF32 (10 bits) or not; torch alone does so in convolutions."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = on
    torch.backends.cudnn.allow_tf32 = on


def precision(config):
    """fp32, fp16 or bf16: what an mmdet Config trains in, by our keys or by mmdet's own for fp16."""
    if "Fp16" in config.get("optimizer_config", {}).get("type", "") or config.get("fp16") is not None:
        return "fp16"
    return config.get("precision", "fp32")


def check_precision(config, device, trains=True):
    """InputError for what the device cannot compute: fp16 on any CPU (mmcv), bf16 on one without it.

    trains: prediction with a model trained in bf16 is fp32.
    """
    import torch

    wanted = precision(config)
    if trains and wanted == "bf16" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise InputError(
            "training.precision: bf16 asked for on a CPU without it, wanted one with AVX-512 or AMX; set it to fp32"
        )
    if wanted == "fp16" and device.type != "cuda":
        raise InputError(
            f"training.precision: fp16 asked for on a {device.type.upper()}, wanted a GPU; "
            "set it to fp32, or compute.device to cuda"
        )
