"""The `training` section of the config, as a type: which keys it has, and which values each may take.

config/README.md says what each key means, and config/schema.yaml checks a run's config against the same values. None
(null in YAML) stands for "as in the model's zoo config", or for "none".
"""

from typing import Any, Literal, TypedDict

Scale = list[int]  # [long side, short side] of an image after resizing, px


class Training(TypedDict):
    """The `training` section of the config, its null keys already filled by the protocol."""

    weights: str  # coco, none, or path or URL of a model bundle
    epochs: int
    batch: int | None  # images per iteration
    workers: int | None  # processes that load data
    repeat: int | None  # passes over the training images that make one epoch
    lr: Literal["linear"] | float | None
    schedule: Literal["cosine", "stretched"] | list[int] | None
    warmup: int | None  # iterations
    clip: float | None  # largest norm of the gradients
    accumulate: int | None  # iterations whose gradients make one step
    precision: Literal["fp32", "fp16", "bf16"]
    checkpointing: bool
    gpu_assign_thr: int | None  # nuclei in one image
    width: float  # factor on every number of channels, a multiple of 1/8, at most 1
    depth: float  # fraction of the blocks that stays in each stage of the backbone, above 0, at most 1
    train_scales: list[Scale] | None
    test_scale: Scale | None
    offset: list[float] | None  # [x right, y down], px
    crop: int | None  # px
    cut_nuclei: Literal["train", "ignore"]
    flips: list[Literal["horizontal", "vertical", "diagonal"]] | None
    turns: bool
    stretch: bool
    photometric: bool | dict[str, Any]
    stain: float | None  # largest relative change of each stain
    detections: int | None  # kept per image
    validate_every: int  # epochs; 0: never
    options: dict[str, Any]  # any other key of the mmdet config, by its dotted path
