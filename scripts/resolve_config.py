"""Zoo config + models.yaml + config -> the one resolved mmdet config.py of a cell.

The result is mmdet's own format with nothing left to inherit; `mmdet`'s tools/train.py reads it as it is.
"""

import argparse
import copy
import json
from pathlib import Path

from nuclei.common.stage import InputError, run_stage, whole_file
from nuclei.models.classes import CLASSES, set_classes, walk
from nuclei.models.datasets import training_set

# The widths that a narrow copy scales; each is a number of channels, or a list of them.
CHANNEL_KEYS = {
    "base_channels",
    "stem_channels",
    "in_channels",
    "out_channels",
    "feat_channels",
    "conv_out_channels",
    "fc_out_channels",
    "fc_channels",
    "feedforward_channels",
    "proposal_feature_channel",
    "decoder_in_channels",
}
IMAGES_A_STEP = 16  # of the zoo's learning rates: 8 GPUs x 2 images


def as_scale(value):
    """An image scale as mmdet wants it: (long, short), or a list of such pairs."""
    return [tuple(pair) for pair in value] if isinstance(value[0], (list, tuple)) else tuple(value)


def set_option(config, path, value):
    """Set `model.roi_head.bbox_head.num_classes` = value; a list on the way means each of its items.

    In a list, a type's name picks the items of that type: `data.test.pipeline.MultiScaleFlipAug.img_scale`.
    Raises InputError where a part of the path other than the last does not exist.
    """
    *parents, last = path.split(".")
    nodes = [config]
    for depth, key in enumerate(parents):
        found = []
        for node in nodes:
            items = node if isinstance(node, (list, tuple)) else [node]
            named = [item for item in items if isinstance(item, dict) and item.get("type") == key]
            if named and items is node:
                found += named
                continue
            for item in items:
                if not isinstance(item, dict) or key not in item:
                    wanted = ", ".join(sorted(item)) if isinstance(item, dict) else "a value, which holds no keys"
                    raise InputError(
                        f"option {path}: {'.'.join(parents[: depth + 1])} not found in the mmdet config, "
                        f"wanted one of {wanted}; correct the option in models.yaml or the config"
                    )
                found.append(item[key])
        nodes = found
    for node in nodes:
        for item in node if isinstance(node, (list, tuple)) else [node]:
            if not isinstance(item, dict):
                raise InputError(f"option {path}: {'.'.join(parents)} is {item!r}, wanted a dict; correct the option")
            item[last] = as_scale(value) if last == "img_scale" else copy.deepcopy(value)


def narrow(model, width):
    """Scale every channel count of a model config by `width` (0 < width <= 1), in place.

    ResNeXt's 32 groups are scaled too (at least 4), so that a group keeps its number of channels.
    """

    def scaled(value):
        return [scaled(item) for item in value] if isinstance(value, (list, tuple)) else max(8, int(value * width))

    for node in walk(model):
        for key in CHANNEL_KEYS & node.keys():
            if node[key] is not None:
                node[key] = scaled(node[key])
        if node.get("type") == "GN":
            node["num_groups"] = max(1, int(node["num_groups"] * width))
    backbone = model["backbone"]
    backbone["base_channels"] = scaled(64)
    if "groups" in backbone:
        # mmdet: width of a block = floor(planes * base_width / base_channels) * groups, planes from base_channels
        backbone["groups"] = max(4, int(backbone["groups"] * width))


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
        pipeline.insert(after, dict(type="RandomCrop", crop_size=size, allow_negative_crop=True, recompute_bbox=True))
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


def set_schedule(config, training):
    """Epochs, batch, learning rate, schedule, warm-up, clipping, repeats; what is null stays the zoo's."""
    zoo_length = config["runner"].get("max_epochs") or config["runner"]["max_iters"]
    config["runner"] = dict(type="EpochBasedRunner", max_epochs=training["epochs"])
    data, rate = config["data"], config["lr_config"]
    if training["batch"]:
        data["samples_per_gpu"] = training["batch"]
    if training["workers"] is not None:
        data["workers_per_gpu"] = training["workers"]
    if training["lr"] == "linear":
        config["optimizer"]["lr"] *= data["samples_per_gpu"] * (training["accumulate"] or 1) / IMAGES_A_STEP
    elif training["lr"]:
        config["optimizer"]["lr"] = training["lr"]
    if training["schedule"] == "cosine":
        for key in ("step", "gamma"):
            rate.pop(key, None)
        rate.update(policy="CosineAnnealing", min_lr_ratio=0.01, by_epoch=False)
    elif training["schedule"] == "stretched":
        rate.update(step=[round(step * training["epochs"] / zoo_length) for step in rate["step"]], by_epoch=True)
    elif isinstance(training["schedule"], list):
        rate.update(policy="step", step=training["schedule"])
    if training["warmup"]:
        rate.update(warmup_iters=training["warmup"])
    step = config["optimizer_config"]
    if training["clip"]:
        step["grad_clip"] = dict(max_norm=training["clip"], norm_type=2)
    hook = "OptimizerHook"
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
    if training["repeat"]:
        data["train"] = dict(type="RepeatDataset", times=training["repeat"], dataset=training_set(config))
    config["evaluation"] = dict(interval=training["validate_every"], metric=["segm"])


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
    set_schedule(config, training)
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


def zoo_path(name):
    """Path of a zoo config inside the installed mmdet; InputError names the nearest known ones."""
    import difflib

    import mmdet

    root = Path(mmdet.__file__).parent / ".mim" / "configs"
    path = root / f"{name}.py"
    if not path.is_file():
        known = [str(p.relative_to(root).with_suffix("")) for p in root.glob("*/*.py")]
        near = ", ".join(difflib.get_close_matches(name, known, 3)) or "none similar"
        raise InputError(f"models.yaml: zoo config {name} not found in mmdet, nearest: {near}; correct `zoo`")
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="models.yaml entry as JSON")
    parser.add_argument("--training", required=True, help="the config's `training` section as JSON")
    parser.add_argument("--train", required=True, nargs=2, metavar=("ANNOTATIONS", "IMAGES"))
    parser.add_argument("--validation", required=True, nargs=2, metavar=("ANNOTATIONS", "IMAGES"))
    parser.add_argument("--test", required=True, nargs=2, metavar=("ANNOTATIONS", "IMAGES"))
    parser.add_argument("--polygons", action="store_true", help="the annotations hold polygons, not RLE")
    parser.add_argument("--weights", help="COCO checkpoint to start from (default: random start)")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", required=True, help="config.py")
    args = parser.parse_args()
    from mmcv import Config

    model, training = json.loads(args.model), json.loads(args.training)
    paths = {
        part: {"annotations": value[0], "images": value[1]}
        for part, value in (("train", args.train), ("val", args.validation), ("test", args.test))
    }
    zoo = Config.fromfile(str(zoo_path(model["zoo"])))._cfg_dict.to_dict()
    resolved = resolve(zoo, model, training, paths, args.seed, args.polygons, args.weights)
    with whole_file(args.out) as temporary:
        temporary.write_text(Config(resolved).pretty_text, encoding="utf-8")


if __name__ == "__main__":
    run_stage(main)
