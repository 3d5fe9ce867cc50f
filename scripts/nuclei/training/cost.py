"""What a training will take: iterations, arithmetic, disk, hours on a card, and how much of it is done.

Multiply-adds of a forward pass come from mmcv's counter, on the shape that the images have after resizing. Expected
hours follow from the cards' stated peaks and utilisation (config/cards.yaml): assumptions, not measurements.
"""

import contextlib
import io
from collections import Counter
from pathlib import Path

from nuclei.common.files import read_json, sha256
from nuclei.compute.precision import precision
from nuclei.models.checkpoints import epoch_of
from nuclei.models.config_tree import training_set
from nuclei.models.schedule import iterations_an_epoch
from nuclei.training.work_folder import binding, training_data_sha256

FLOPS = 2  # of a multiply-add, which mmcv counts as one and data sheets as two


STEP = 3  # forward passes that a training step costs: forward, and backward at about twice that


STATES = {"SGD": 2, "Adam": 3, "AdamW": 3}  # a state in units of the weights: with momentum, with two moments


def validations(epochs, every):
    """How often `epochs` epochs are validated: every n-th and the last; never for 0."""
    return -(-epochs // every) if every else 0


def hours(macs, card, trained_in):
    """Hours that `macs` multiply-adds take on a card of cards.yaml at its assumed utilisation."""
    form = "fp32" if trained_in == "fp32" else "fp16"  # bf16 is as fast as fp16
    return FLOPS * macs / (card["tflops"][form] * 1e12 * card["utilisation"][form]) / 3600


def checkpoint_bytes(weights, epochs, keep, validated, optimizer):
    """Most bytes that a finished training leaves.

    weights: bytes of one epoch's weights; keep: {"best", "metrics", "every"}; validated: how many epochs have scores.
    """
    best = min(keep["best"] * len(keep["metrics"]), validated)
    every = epochs // keep["every"] if keep["every"] else 0
    kept = min(epochs, best + every + 1)
    states = STATES.get(optimizer["type"], 3)
    if optimizer["type"] == "SGD" and not optimizer.get("momentum"):
        states = 1
    return weights * (kept + states * min(epochs, 2))


def resized(size, scale):
    """(height, width) of an image of `size` (width, height) px after resizing to `scale` and padding to 32."""
    from mmcv import rescale_size

    width, height = rescale_size(tuple(size), tuple(scale))
    return -(-height // 32) * 32, -(-width // 32) * 32


def usual_size(annotations):
    """The commonest (width, height) of an annotation file's images, px."""
    rows = read_json(annotations, "COCO annotations")["images"]
    return Counter((row["width"], row["height"]) for row in rows).most_common(1)[0][0]


def shapes(config):
    """Network input (height, width) at the test scale and at the middle of the training scales."""
    test = next(step.img_scale for step in config.data.val.pipeline if step["type"] == "MultiScaleFlipAug")
    train = next((step["img_scale"] for step in training_set(config)["pipeline"] if step["type"] == "Resize"), test)
    if isinstance(train, list):
        train = tuple(round(sum(sides) / len(train)) for sides in zip(*train, strict=True))
    return (
        resized(usual_size(config.data.val.ann_file), test),
        resized(usual_size(training_set(config)["ann_file"]), train),
    )


def forward_macs(model, shape):
    """Multiply-adds of model.forward_dummy on one image of `shape` (height, width); None where mmdet has none."""
    from mmcv.cnn import get_model_complexity_info
    from mmdet.models.roi_heads.roi_extractors.base_roi_extractor import BaseRoIExtractor

    def pool(extractor):
        sides = extractor.roi_layers[0].output_size
        sides = sides if isinstance(sides, tuple) else (sides, sides)
        return lambda features, rois, *_, **__: features[0].new_zeros(len(rois), extractor.out_channels, *sides)

    for module in model.modules():
        if isinstance(module, BaseRoIExtractor):  # refuses the random dummy proposals on a CPU; is not counted anyway
            module.forward = pool(module)
    try:
        model.forward = model.forward_dummy
        return get_model_complexity_info(model, (3, *shape), print_per_layer_stat=False, as_strings=False)[0]
    except (NotImplementedError, AttributeError):
        return None


def count_model(config, shapes):
    """({shape: multiply-adds or None}, bytes of the weights) of a config's detector.

    On torch's meta device, which computes shapes alone: seconds for any size, the same count.
    """
    import torch
    from mmdet.models import build_detector

    counts = {}
    with torch.device("meta"), torch.no_grad():
        for shape in set(shapes):  # a model each: mmcv's counter warns where it finds its own traces
            model = build_detector(config.model, train_cfg=config.get("train_cfg"), test_cfg=config.get("test_cfg"))
            counts[shape] = forward_macs(model, shape)
    return counts, sum(tensor.nbytes for tensor in model.state_dict().values())


def epochs_done(folder, work, config):
    """Epochs that are trained of a cell: all where training.json is this config's, else those in its work folder."""
    wanted = config.runner.max_epochs
    record = folder / "training.json"
    if record.is_file() and read_json(record).get("config_sha256") == sha256(folder / "config.py"):
        return wanted
    if not work.is_dir() or (config.load_from and not Path(config.load_from).is_file()):
        return 0
    weights = sha256(config.load_from) if config.load_from else None
    bound = work / binding(config, training_data_sha256(config), weights)[:16]
    # the last finished epoch's weights always stay
    return min(wanted, max(map(epoch_of, bound.glob("epoch_*.pth")), default=0))


def plan_cell(config, counts, weights, done, keep):
    """The numbers of one cell; counts: multiply-adds of a forward pass (test scale, training scale), None: uncounted.

    Returns a dict; `macs` is [in all, of what remains].
    """
    import numpy as np
    from mmdet.datasets import build_dataset

    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools narrates
        dataset = build_dataset(config.data.train)
    batch, epochs, every = config.data.samples_per_gpu, config.runner.max_epochs, config.evaluation.interval
    an_epoch = iterations_an_epoch(np.bincount(dataset.flag).tolist(), batch)
    images = len(read_json(config.data.val.ann_file)["images"])
    left = epochs - done
    checks = [validations(epochs, every)]
    checks.append(checks[0] - done // every if every and left else 0)
    counted = None not in counts
    training = [STEP * counts[1] * an_epoch * batch * number if counted else None for number in (epochs, left)]
    validation = [counts[0] * images * number if counted else None for number in checks]
    return {
        "epochs": epochs,
        "iterations": an_epoch * epochs,
        "images": an_epoch * batch * epochs,
        "validated": images * checks[0],
        "counts": counts,
        "training": training[0],
        "validation": validation[0],
        "macs": [sum(pair) for pair in zip(training, validation, strict=True)] if counted else None,
        "disk": checkpoint_bytes(weights, epochs, keep, checks[0], config.optimizer),
        "precision": precision(config),
        "done": done,
        "left": left,
    }
