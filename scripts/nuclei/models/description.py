"""The settings that a resolved mmdet config results in, as texts for docs/differences.md."""

from collections.abc import Sequence
from typing import Any

from nuclei.common.nested import flatten
from nuclei.models.config_tree import Tree, training_set
from nuclei.models.schedule import iterations_an_epoch, learning_rates


def step_of(pipeline: Sequence[Tree], kind: str) -> Tree:
    """The first step of a type in a pipeline, also inside MultiScaleFlipAug; {} where there is none."""
    for step in pipeline:
        if step["type"] == kind:
            return step
        if found := step_of(step.get("transforms", []), kind):
            return found
    return {}


def normalisation(pipeline: Sequence[Tree]) -> str:
    """The channel order, mean and standard deviation that a pipeline normalises images with."""
    step = step_of(pipeline, "Normalize")
    mean, std = (" ".join(f"{value:g}" for value in step[key]) for key in ("mean", "std"))
    return f"{'RGB' if step['to_rgb'] else 'BGR'}, mean {mean}, std {std}"


def scales(value: Any, mode: str | None) -> str:
    """The image scales of a Resize step or of the test, px: the long side, and what the short side may be.

    value: (long, short), or a list of such pairs. mode: multiscale_mode of the step, "range" or "value".
    """
    if not isinstance(value, list):
        return " x ".join(map(str, value))
    if len({long for long, _ in value}) > 1:
        return f"{mode} {value}"
    short = [str(side) for _, side in value]
    return f"{value[0][0]} x " + (" to ".join(short) if mode == "range" else f"one of {', '.join(short)}")


def settings_in_force(config: Tree) -> dict[str, str]:
    """The settings of a resolved config that matter for its numbers, {setting: text}."""
    model, data, rate = config["model"], config["data"], config["lr_config"]
    train, test = training_set(config)["pipeline"], data["test"]["pipeline"]
    resize, flip, augment = step_of(train, "Resize"), step_of(train, "RandomFlip"), step_of(test, "MultiScaleFlipAug")
    rpn, rcnn = model["test_cfg"].get("rpn") or {}, model["test_cfg"]["rcnn"]
    trained = normalisation(train)
    used = [normalisation(data["val"]["pipeline"]), normalisation(test)]
    used = ["as in training" if text == trained else text for text in used]
    optimizer = [f"{key} {value}" for key, value in flatten(config["optimizer"]) if key not in ("type", "lr")]
    clip = config["optimizer_config"].get("grad_clip")
    directions = flip.get("direction", "horizontal")
    return {
        "normalisation, training": trained,
        "normalisation, validation": used[0],
        "normalisation, test": used[1],
        "scale, training": scales(resize["img_scale"], resize.get("multiscale_mode")),
        "scale, test": scales(augment["img_scale"], None) + (", flipped too" if augment["flip"] else ", no flip"),
        "flips, training": f"{directions}, probability {flip['flip_ratio']}",
        "masks, training": "bitmaps" if step_of(train, "LoadAnnotations").get("poly2mask", True) else "polygons",
        "images a step": str(data["samples_per_gpu"]),
        "loader processes": str(data["workers_per_gpu"]),
        "epochs": str(config["runner"]["max_epochs"]),
        "passes over the images an epoch": str(data["train"].get("times", 1)),
        "optimizer": ", ".join([config["optimizer"]["type"], *optimizer]),
        "gradient clipping": ", ".join(f"{key} {value}" for key, value in flatten(clip)) if clip else "none",
        "learning rate": f"{config['optimizer']['lr']:g}",
        "warm-up": f"{rate['warmup']}, from {rate['warmup_ratio']:g} of the rate",
        "warm-up iterations": str(rate["warmup_iters"]),
        "rate falls to a tenth after epochs": ", ".join(map(str, rate["step"])),
        "frozen backbone stages": str(model["backbone"]["frozen_stages"]),
        "batch norm keeps its statistics": str(model["backbone"]["norm_eval"]),
        "backbone checkpointing": str(model["backbone"].get("with_cp", False)),
        "RPN at test": f"NMS {rpn['nms']['iou_threshold']}, {rpn['max_per_img']} boxes" if rpn else "no RPN",
        "score threshold": str(rcnn.get("score_thr", "none")),
        "NMS": f"{rcnn['nms']['type']}, IoU {rcnn['nms']['iou_threshold']}" if "nms" in rcnn else "none",
        "detections kept an image": str(rcnn["max_per_img"]),
        "mask threshold": str(rcnn["mask_thr_binary"]),
    }


def schedule_in_force(config: Tree, images: int) -> tuple[float, dict[str, str]]:
    """The learning rate and the iterations of one training.

    images: number of training images, all wider than high or none. Returns (highest rate that the training reaches, as
    a share of the rate in the config; {what: text}).
    """
    data, steps = config["data"], config["lr_config"]["step"]
    an_epoch = iterations_an_epoch([images * data["train"].get("times", 1)], data["samples_per_gpu"])
    rates = learning_rates(config, an_epoch)
    late = config["lr_config"]["warmup_iters"] > steps[0] * an_epoch
    return max(rates) / config["optimizer"]["lr"], {
        "iterations an epoch": str(an_epoch),
        "iterations in all": str(len(rates)),
        "rate falls after iterations": ", ".join(str(step * an_epoch) for step in steps),
        "warm-up ends": "**after the first fall**" if late else "before the first fall",
        "highest rate": f"{max(rates):.3g}",
        "reached at iteration": str(rates.index(max(rates))),
        "last rate": f"{rates[-1]:.3g}",
    }
