"""Zoo config + models.yaml + config -> the one resolved mmdet config of a cell.

The result is mmdet's own format with nothing left to inherit; `mmdet`'s tools/train.py reads it as it is.
"""

import copy

from nuclei.models.classes import CLASSES, set_classes
from nuclei.models.config_tree import set_option, training_set, walk
from nuclei.models.narrow import narrow
from nuclei.models.schedule import set_schedule

GEOMETRIC = ("Resize", "RandomCrop", "QuarterTurn", "RandomFlip")  # steps that move pixels and instances


def random_start(model):
    """Make a model trainable from random weights: nothing pre-trained, nothing frozen, batch norm learns."""
    for node in walk(model):
        if isinstance(node.get("init_cfg"), dict) and node["init_cfg"].get("type") == "Pretrained":
            node["init_cfg"] = None
    backbone = model["backbone"]
    backbone["frozen_stages"] = -1
    backbone["norm_eval"] = False
    backbone["norm_cfg"] = dict(type="BN", requires_grad=True)


def set_scales(config, train_scales, test_scale):
    """Set the image scales, (longest, shortest) side in px: a range for multi-scale models, one for the others."""
    for step in training_set(config)["pipeline"]:
        if step["type"] == "Resize":
            multiscale = isinstance(step["img_scale"], list)
            if train_scales and multiscale:
                step.update(img_scale=[tuple(scale) for scale in train_scales], multiscale_mode="range")
            elif test_scale and not multiscale:
                step["img_scale"] = tuple(test_scale)
    if test_scale:
        for part in ("val", "test"):
            for step in config["data"][part]["pipeline"]:
                if step["type"] == "MultiScaleFlipAug":
                    step["img_scale"] = tuple(test_scale)


def import_steps(config):
    """Let mmdet find the steps of nuclei.models.augmentation."""
    config["custom_imports"] = dict(imports=["nuclei.augmentation"], allow_failed_imports=False)


def set_offset(config, offset):
    """Move every image back by the offset (x, y) px of the tissue from its masks, as soon as it is read."""
    if offset:
        for dataset in (training_set(config), config["data"]["val"], config["data"]["test"]):
            at = next(i for i, step in enumerate(dataset["pipeline"]) if step["type"] == "LoadImageFromFile")
            dataset["pipeline"].insert(at + 1, dict(type="MoveImage", offset=tuple(offset)))
        import_steps(config)


def set_augmentation(config, training):
    """Flip directions (each with probability 0.5 / number), crops, turns, and colour jitter before normalisation."""
    pipeline, flips, photometric = training_set(config)["pipeline"], training["flips"], training["photometric"]
    for step in pipeline:
        if step["type"] == "RandomFlip" and flips:
            step.update(flip_ratio=[0.5 / len(flips)] * len(flips) if len(flips) > 1 else 0.5, direction=list(flips))
    after = 1 + max((i for i, step in enumerate(pipeline) if step["type"] in ("Resize", "RandomCrop")), default=0)
    if training["turns"]:
        pipeline.insert(after, dict(type="QuarterTurn"))
        import_steps(config)
    if training["crop"]:
        size = (training["crop"], training["crop"])
        pipeline.insert(after, dict(type="RandomCrop", crop_size=size, allow_negative_crop=True))
        last = max(i for i, step in enumerate(pipeline) if step["type"] in GEOMETRIC)
        pipeline.insert(last + 1, dict(type="VisibleInstances"))
        for step in pipeline:
            if step["type"] == "Resize":
                step["type"] = "AlignedResize"
        import_steps(config)
    if photometric:
        at = next(i for i, step in enumerate(pipeline) if step["type"] == "Normalize")
        pipeline.insert(
            at, dict(type="PhotoMetricDistortion", **(photometric if isinstance(photometric, dict) else {}))
        )


def set_data(config, paths):
    """Point the three data sets to their annotation files and image folders, with the class nucleus."""
    for part, dataset in (
        ("train", training_set(config)),
        ("val", config["data"]["val"]),
        ("test", config["data"]["test"]),
    ):
        dataset["ann_file"] = paths[part]["annotations"]
        dataset["img_prefix"] = paths[part]["images"].rstrip("/") + "/"
        dataset["classes"] = CLASSES


def set_loader(config, training):
    """Set images per iteration, loader processes and passes over the images per epoch; what is null stays the zoo's."""
    data = config["data"]
    if training["batch"]:
        data["samples_per_gpu"] = training["batch"]
    if training["workers"] is not None:
        data["workers_per_gpu"] = training["workers"]
    if training["repeat"]:
        data["train"] = dict(type="RepeatDataset", times=training["repeat"], dataset=training_set(config))


def set_step(config, training):
    """Set what happens to the gradients of a step: clipping, precision, accumulation over iterations."""
    step, hook = config["optimizer_config"], "OptimizerHook"
    if training["clip"]:
        step["grad_clip"] = dict(max_norm=training["clip"], norm_type=2)
    if training["precision"] == "fp16":
        hook = "Fp16OptimizerHook"
        step["loss_scale"] = "dynamic"
    elif training["precision"] == "bf16":
        config["precision"] = "bf16"  # mmdet's own tools do not know it, and train in fp32
    if training["accumulate"]:
        hook = f"GradientCumulative{hook}"
        step["cumulative_iters"] = training["accumulate"]
    if hook != "OptimizerHook":
        step["type"] = hook


def set_memory(model, training):
    """Switches that trade time for GPU memory: checkpointed backbone, assignment of many nuclei on the CPU."""
    if training["checkpointing"]:
        model["backbone"]["with_cp"] = True
    if training["gpu_assign_thr"]:
        for node in walk(model.get("train_cfg") or {}):
            if node.get("type") == "MaxIoUAssigner":
                node["gpu_assign_thr"] = training["gpu_assign_thr"]


def resolve(zoo_config, model, training, paths, seed, polygons, weights=None):
    """Apply models.yaml's entry and the config's `training` to a zoo config.

    zoo_config: nested dict (mmcv Config content). model: models.yaml entry, with `protocol_options` set first of all
    and `options` last. training: the config's section.
    paths: {"train"|"val"|"test": {"annotations", "images"}}. polygons: whether annotations hold polygons.
    weights: path of the COCO checkpoint, or None for a random start. Returns the resolved nested dict.
    """
    config = copy.deepcopy(zoo_config)
    for path, value in (model.get("protocol_options") or {}).items():
        set_option(config, path, value)
    set_classes(config["model"], len(CLASSES), before=80)
    set_data(config, paths)
    set_loader(config, training)
    set_schedule(config, training)
    set_step(config, training)
    config["evaluation"] = dict(interval=training["validate_every"], metric=["segm"])
    set_scales(config, training["train_scales"], training["test_scale"])
    set_augmentation(config, training)
    set_offset(config, training["offset"])
    if not polygons:
        for step in training_set(config)["pipeline"]:
            if step["type"] == "LoadAnnotations":
                step.pop("poly2mask", None)  # mmdet decodes RLE only into bitmaps
    if training["width"] != 1:
        narrow(config["model"], training["width"])
    if weights:
        config["load_from"] = weights
        config["model"]["backbone"]["init_cfg"] = None  # the COCO checkpoint holds the backbone
    else:
        random_start(config["model"])
    set_memory(config["model"], training)
    for node in walk(config["model"].get("test_cfg") or {}):
        if "score_thr" in node and "max_per_img" in node and training["detections"]:
            node["max_per_img"] = training["detections"]
    for path, value in {**training["options"], **(model.get("options") or {})}.items():
        if value is not None:
            set_option(config, path, value)
    config["seed"] = seed
    return config
