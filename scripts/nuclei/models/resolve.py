"""The resolved mmdet config of a cell: the zoo config, changed as models.yaml and the config say.

The result is in mmdet's own format and inherits from no other file, so that mmdet's tools/train.py reads it as it is.

How do I add a model? By an entry in config/models.yaml; nuclei/models/catalogue.py lists the steps. resolve() below
does with this entry, in this order: options of the protocol, our classes in place of COCO's 80, our data, images per
iteration, the learning-rate schedule, what happens to the gradients, image scales, augmentation, fewer channels,
weights, TF32, memory, detections per image, and last the options of the config and of the entry, which can change any
key.

So a model needs code only where its zoo config says one of these things in another way than all models until now:
    the number of classes under another key than num_classes        nuclei/models/classes.py
    a number of channels under a new key (training.width alone)     nuclei/models/narrow.py
    a training pipeline without Resize, RandomFlip or Normalize     set_scales, set_augmentation
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from nuclei.common.classes import CLASSES
from nuclei.models.classes import set_classes
from nuclei.models.config_tree import Tree, set_option, training_set, walk
from nuclei.models.narrow import make_shallow, narrow
from nuclei.models.schedule import set_schedule
from nuclei.workflow.training_section import Scale, Training

Paths = Mapping[str, Mapping[str, str]]  # {"train", "val", "test": {"annotations": file, "images": folder}}

GEOMETRIC = ("Resize", "RandomCrop", "QuarterTurn", "RandomFlip")  # steps that move pixels and instances


def random_start(model: Tree) -> None:
    """Let a model train from random weights: nothing is pre-trained or frozen, and batch normalisation learns."""
    for node in walk(model):
        if isinstance(node.get("init_cfg"), dict) and node["init_cfg"].get("type") == "Pretrained":
            node["init_cfg"] = None
    backbone = model["backbone"]
    backbone["frozen_stages"] = -1
    backbone["norm_eval"] = False
    backbone["norm_cfg"] = dict(type="BN", requires_grad=True)


def set_scales(config: Tree, train_scales: list[Scale] | None, test_scale: Scale | None) -> None:
    """Set the image scales, [long side, short side] in px; None leaves those of the zoo config.

    train_scales: the range of models that the zoo trains at several scales. test_scale: of the test, and of the
    training of the other models.
    """
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


def add_import(config: Tree, module: str = "nuclei.augmentation") -> None:
    """Let mmdet find what a module of this project registers; as a rule the steps of nuclei.models.augmentation.

    Finished configs name those steps' module as nuclei.augmentation; scripts/nuclei/augmentation.py stands for it.
    """
    imports = config.setdefault("custom_imports", dict(imports=[], allow_failed_imports=False))["imports"]
    if module not in imports:
        imports.append(module)


def set_offset(config: Tree, offset: list[float] | None) -> None:
    """Let every image be moved back, as soon as it is read, by the offset of its tissue from its masks.

    offset: [x right, y down], px; None: the images are not moved.
    """
    if offset:
        for dataset in (training_set(config), config["data"]["val"], config["data"]["test"]):
            at = next(i for i, step in enumerate(dataset["pipeline"]) if step["type"] == "LoadImageFromFile")
            dataset["pipeline"].insert(at + 1, dict(type="MoveImage", offset=tuple(offset)))
        add_import(config)


def set_stretch(config: Tree, stretch: bool) -> None:
    """Let the values of what the model looks at (a crop, a window, an image) be stretched before all else is done."""
    if stretch:
        for pipeline in (
            training_set(config)["pipeline"],
            config["data"]["val"]["pipeline"],
            config["data"]["test"]["pipeline"],
        ):
            steps = next((step["transforms"] for step in pipeline if step["type"] == "MultiScaleFlipAug"), pipeline)
            at = next(i for i, step in enumerate(steps) if step["type"] == "Normalize")
            steps.insert(at, dict(type="StretchContrast"))
        add_import(config)


def ignore_cut(config: Tree) -> None:
    """Leave proposals that lie by more than half in a nucleus that the crop's border may cut out of the loss."""
    for step in training_set(config)["pipeline"]:
        if step["type"] == "VisibleInstances":
            step["ignore_cut"] = True
        elif step["type"] == "Collect":
            step["keys"] = [*step["keys"], "gt_bboxes_ignore"]
    for node in walk(config["model"]["train_cfg"]):
        if node.get("type") == "MaxIoUAssigner":
            node["ignore_iof_thr"] = 0.5


def set_augmentation(config: Tree, training: Training) -> None:
    """Set the augmentation of the training images: flips, crops, quarter turns and colour jitter.

    Flips: half of the images are flipped, each direction as often as the others; with an empty list none is. Crops and
    turns come after Resize, so that a crop has the same size at any scale; colour jitter comes before normalisation,
    because it expects values of 0 to 255.
    """
    pipeline, flips, photometric = training_set(config)["pipeline"], training["flips"], training["photometric"]
    for step in pipeline:
        if step["type"] == "RandomFlip" and flips is not None:
            ratios = [0.5 / len(flips)] * len(flips) if len(flips) > 1 else 0.5
            # without a direction the step stays, because later steps look up whether the image was flipped
            step.update(
                flip_ratio=ratios if flips else 0.0, direction=list(flips) or step.get("direction", "horizontal")
            )
    after = 1 + max((i for i, step in enumerate(pipeline) if step["type"] in ("Resize", "RandomCrop")), default=0)
    if training["turns"]:
        pipeline.insert(after, dict(type="QuarterTurn"))
        add_import(config)
    if training["crop"]:
        size = (training["crop"], training["crop"])
        pipeline.insert(after, dict(type="RandomCrop", crop_size=size, allow_negative_crop=True))
        last = max(i for i, step in enumerate(pipeline) if step["type"] in GEOMETRIC)
        pipeline.insert(last + 1, dict(type="VisibleInstances"))
        if training["cut_nuclei"] == "ignore":
            ignore_cut(config)
        for step in pipeline:
            if step["type"] == "Resize":
                step["type"] = "AlignedResize"
        add_import(config)
    if training["stain"]:
        at = next(i for i, step in enumerate(pipeline) if step["type"] == "Normalize")
        pipeline.insert(at, dict(type="StainJitter", sigma=training["stain"]))
        add_import(config)
    if photometric:
        at = next(i for i, step in enumerate(pipeline) if step["type"] == "Normalize")
        pipeline.insert(
            at, dict(type="PhotoMetricDistortion", **(photometric if isinstance(photometric, dict) else {}))
        )


def set_data(config: Tree, paths: Paths, classes: Sequence[str]) -> None:
    """Let the three data sets (training, validation, test) read our files, with our classes."""
    for part, dataset in (
        ("train", training_set(config)),
        ("val", config["data"]["val"]),
        ("test", config["data"]["test"]),
    ):
        dataset["ann_file"] = paths[part]["annotations"]
        dataset["img_prefix"] = paths[part]["images"].rstrip("/") + "/"
        dataset["classes"] = tuple(classes)


def set_loader(config: Tree, training: Training) -> None:
    """Set images per iteration, processes that load them, and passes over the images per epoch; None: as in the zoo."""
    data = config["data"]
    if training["batch"]:
        data["samples_per_gpu"] = training["batch"]
    if training["workers"] is not None:
        data["workers_per_gpu"] = training["workers"]
    if training["repeat"]:
        data["train"] = dict(type="RepeatDataset", times=training["repeat"], dataset=training_set(config))


def set_step(config: Tree, training: Training) -> None:
    """Set what happens to the gradients: clipping, precision, and accumulation over several iterations."""
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


def set_memory(model: Tree, training: Training) -> None:
    """Set what saves GPU memory and costs time, without a change of the numbers.

    The backbone's activations are computed again instead of kept; in images with many nuclei, anchors are assigned to
    nuclei on the CPU.
    """
    if training["checkpointing"]:
        model["backbone"]["with_cp"] = True
    if training["gpu_assign_thr"]:
        for node in walk(model.get("train_cfg") or {}):
            if node.get("type") == "MaxIoUAssigner":
                node["gpu_assign_thr"] = training["gpu_assign_thr"]


def resolve(
    zoo_config: Tree,
    model: Mapping[str, Any],
    training: Training,
    paths: Paths,
    seed: int | str,
    polygons: bool,
    weights: str | None = None,
    tf32: bool = False,
    classes: Sequence[str] = CLASSES,
) -> Tree:
    """The resolved mmdet config of a cell; see the module for the order of the changes.

    zoo_config: content of the zoo config as zoo.read_zoo gives it; it is not changed. model: a models.yaml entry as
    workflow.protocols.fill_model gives it, with `protocol_options` and `options`, {dotted path: value}; both may be
    missing. training: `training` of the config, filled by the protocol. paths: files and folders of the three data
    sets. polygons: whether the annotations hold polygons, not RLE. weights: path of the COCO checkpoint, or None for a
    random start. tf32: whether a GPU may round fp32 products to TF32 in training and prediction. classes: their
    names, in the order of the category ids. InputError names an
    option whose path the config does not have.
    """
    config = copy.deepcopy(zoo_config)
    # first, because they stand for another zoo config
    for path, value in (model.get("protocol_options") or {}).items():
        set_option(config, path, value)
    set_classes(config["model"], len(classes), before=80)
    set_data(config, paths, classes)
    set_loader(config, training)
    set_schedule(config, training)
    set_step(config, training)
    config["evaluation"] = dict(interval=training["validate_every"], metric=["segm"])
    set_scales(config, training["train_scales"], training["test_scale"])
    set_stretch(config, training["stretch"])
    set_augmentation(config, training)
    set_offset(config, training["offset"])
    if not polygons:
        for step in training_set(config)["pipeline"]:
            if step["type"] == "LoadAnnotations":
                step.pop("poly2mask", None)  # mmdet can decode RLE only into bitmaps
    if training["width"] != 1:
        narrow(config["model"], training["width"])
    if training["depth"] != 1:
        make_shallow(config["model"]["backbone"], training["depth"])
        add_import(config, "nuclei.models.shallow")
    if weights:
        config["load_from"] = weights
        config["model"]["backbone"]["init_cfg"] = None  # not needed: the COCO checkpoint holds the backbone too
    else:
        random_start(config["model"])
    if tf32:
        config["tf32"] = True  # mmdet's own tools do not know it, and leave torch's switches as they are
    set_memory(config["model"], training)
    for node in walk(config["model"].get("test_cfg") or {}):
        if "score_thr" in node and "max_per_img" in node and training["detections"]:
            node["max_per_img"] = training["detections"]
    # last, so that an option can change any key; None takes an option of `training.options` away
    for path, value in {**training["options"], **(model.get("options") or {})}.items():
        if value is not None:
            set_option(config, path, value)
    config["seed"] = seed
    return config
