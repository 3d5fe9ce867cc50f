"""What a training will take: iterations, arithmetic, disk, hours on a card; and how much of it is done.

The multiply-adds of a forward pass come from mmcv's counter, for the size that images have after resizing and
cropping. The hours follow from the speed that was measured for the model on a card, where config/cards.yaml has one;
else from the card's peak and utilisation, which are assumptions.
"""

import contextlib
import io
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict

from nuclei.common.files import read_json, sha256
from nuclei.common.stage import InputError
from nuclei.compute.precision import precision
from nuclei.models.config_tree import training_set
from nuclei.models.schedule import iterations_an_epoch
from nuclei.training.resume import epochs_wanted, finished_epochs, minutes_used
from nuclei.training.shortened import lacking, shorter_folder
from nuclei.training.types import Keep
from nuclei.training.validation import Validation
from nuclei.training.work_folder import binding, training_data_sha256

if TYPE_CHECKING:
    import torch
    from mmcv import Config

# Operations of one multiply-add: mmcv's counter takes it as one, data sheets of cards as two.
FLOPS = 2


# Cost of a training step in forward passes: one forward, and a backward pass that costs about twice as much.
STEP = 3


# Size of a saved state in units of the weights. SGD keeps the weights and a momentum, Adam the weights and two moments.
STATES = {"SGD": 2, "Adam": 3, "AdamW": 3}


Size = tuple[int, int]


class ByPrecision(TypedDict):
    """A number of a card for each precision that data sheets tell apart."""

    fp32: float
    fp16: float


class Speed(TypedDict):
    """Measured training of a model on a card: steps per second, of batches of so many images.

    gflops: 10^9 multiply-adds of one forward pass on one of these images.
    """

    steps_per_second: float
    batch: int
    gflops: float


class Measured(TypedDict):
    """What was measured on a card. card: its name, as torch says it. date: ISO.

    training: {model: {precision: speed}}.
    """

    card: str
    torch: str
    date: str
    training: dict[str, dict[str, Speed]]


class Card(TypedDict):
    """A GPU of config/cards.yaml. tflops: peak, 10^12 operations per second. utilisation: share of it, 0 to 1."""

    tflops: ByPrecision
    utilisation: ByPrecision
    memory_gb: float
    note: NotRequired[str]
    measured: NotRequired[Measured]


class CellCost(TypedDict):
    """What the training of one cell will take (nuclei.training.cost.plan_cell).

    iterations, images: of all epochs; images are counted as often as they are seen. validated: images validated in all.
    counts: multiply-adds of one forward pass at the test scale and at the training scale. training, validation:
    multiply-adds of all epochs. macs: their sum for the whole training, and for what remains of it. All of these are
    None where mmdet cannot count the model. disk: bytes of checkpoints at most. gpus: how many train the cell together.
    done, left: epochs. minutes: of the whole training and of what remains, with training.minutes alone; then nothing
    that the number of epochs decides is known, and left is 1 as long as time is left.
    """

    epochs: int | None
    iterations: int | None
    images: int | None
    validated: int | None
    counts: Sequence[float | None]
    training: float | None
    validation: float | None
    macs: list[float] | None
    disk: int
    precision: str
    gpus: int
    done: int
    left: int
    minutes: list[float] | None


class PlannedCell(CellCost):
    """A row of `snakemake plan`. peak: memory measured on a CPU at full size, GB; None where it was not measured.

    timed_as: the model whose measured speed on a card holds for the cell; None for a narrow or shallow model.
    """

    peak: float | None
    timed_as: str | None


def validations(epochs: int, every: int) -> int:
    """How often a training of `epochs` epochs is validated: after each `every`-th epoch and the last; never for 0."""
    return -(-epochs // every) if every else 0


def measured_speed(card: Card, model: str | None, trained_in: str) -> Speed | None:
    """The measured speed of a model's training in a precision on a card; None where there is none. model: or None."""
    return card["measured"]["training"].get(model or "", {}).get(trained_in) if "measured" in card else None


def hours(macs: float, card: Card, trained_in: str, model: str | None = None) -> float:
    """Hours that `macs` multiply-adds take on a card: at the model's measured speed, else operations / (peak x
    utilisation).

    trained_in: precision of the training, fp32, tf32, fp16 or bf16; where nothing is measured, bf16 is taken to be as
    fast as fp16, and tf32 as fp32. model: as in measured_speed.
    """
    if speed := measured_speed(card, model, trained_in):
        return macs / (STEP * speed["gflops"] * 1e9 * speed["batch"] * speed["steps_per_second"]) / 3600
    form: Literal["fp32", "fp16"] = "fp32" if trained_in in ("fp32", "tf32") else "fp16"
    return FLOPS * macs / (card["tflops"][form] * 1e12 * card["utilisation"][form]) / 3600


def checkpoint_bytes(weights: int, epochs: int, keep: Keep, validated: int, optimizer: dict[str, Any]) -> int:
    """Bytes of checkpoints that a finished training leaves at most: kept weights, and two states to resume from.

    weights: bytes of one epoch's weights. epochs: of the training. keep: which epochs' weights stay. validated: how
    many epochs have scores. optimizer: the config's section.
    """
    best = min(keep["best"] * len(keep["metrics"]), validated)
    every = epochs // keep["every"] if keep["every"] else 0
    kept = min(epochs, best + every + 1)
    states = STATES.get(optimizer["type"], 3)
    if optimizer["type"] == "SGD" and not optimizer.get("momentum"):
        states = 1
    return weights * (kept + states * min(epochs, 2))


def resized(size: Size, scale: Size) -> Size:
    """(height, width) in px of an image after resizing and padding to multiples of 32, as mmdet does both.

    size: (width, height) of the image, px. scale: mmdet's scale, the largest (long, short) sides, px.
    """
    from mmcv import rescale_size

    width, height = rescale_size(tuple(size), tuple(scale))
    return -(-height // 32) * 32, -(-width // 32) * 32


def usual_size(annotations: Path | str) -> Size:
    """The commonest (width, height) of the images in a COCO annotation file, px."""
    rows = read_json(annotations, "COCO annotations")["images"]
    return Counter((row["width"], row["height"]) for row in rows).most_common(1)[0][0]


def shapes(config: "Config") -> tuple[Size, Size]:
    """Size (height, width) in px of the network's input: at the test scale, and at the middle of the training scales.

    config: resolved mmdet Config. Each is that of the commonest size among the validation images and the training
    images, respectively; of training images that are cropped, it is at most that of the crop.
    """
    test = next(step.img_scale for step in config.data.val.pipeline if step["type"] == "MultiScaleFlipAug")
    pipeline = training_set(config)["pipeline"]
    train = next((step["img_scale"] for step in pipeline if step["type"] in ("Resize", "AlignedResize")), test)
    if isinstance(train, list):
        train = tuple(round(sum(sides) / len(train)) for sides in zip(*train, strict=True))
    height, width = resized(usual_size(training_set(config)["ann_file"]), train)
    for step in pipeline:
        if step["type"] == "RandomCrop" and step.get("crop_type", "absolute") == "absolute":
            rows, columns = (-(-side // 32) * 32 for side in step["crop_size"])
            height, width = min(height, rows), min(width, columns)
    return resized(usual_size(config.data.val.ann_file), test), (height, width)


def training_precision(config: "Config") -> str:
    """The precision that a training on a card has, as its measured speeds name it: fp32, tf32, fp16 or bf16."""
    found = precision(config)
    return "tf32" if found == "fp32" and config.get("tf32") else found


def forward_macs(model: Any, shape: Size) -> float | None:
    """Multiply-adds of one forward pass (the detector's forward_dummy) on one image.

    model: mmdet detector, which is changed. shape: (height, width) of the image, px. Returns None where the detector
    has no forward_dummy.
    """
    from mmcv.cnn import get_model_complexity_info
    from mmdet.models.roi_heads.roi_extractors.base_roi_extractor import BaseRoIExtractor

    def pool(extractor: Any) -> Callable[..., "torch.Tensor"]:
        sides = extractor.roi_layers[0].output_size
        sides = sides if isinstance(sides, tuple) else (sides, sides)
        return lambda features, rois, *_, **__: features[0].new_zeros(len(rois), extractor.out_channels, *sides)

    for module in model.modules():
        # RoI pooling refuses forward_dummy's random proposals on a CPU. The counter leaves it out in any case.
        if isinstance(module, BaseRoIExtractor):
            module.forward = pool(module)
    try:
        model.forward = model.forward_dummy
        return get_model_complexity_info(model, (3, *shape), print_per_layer_stat=False, as_strings=False)[0]
    except (NotImplementedError, AttributeError):
        return None


def count_model(config: "Config", shapes: Collection[Size]) -> tuple[dict[Size, float | None], int]:
    """Multiply-adds of a detector's forward pass for each shape, and the bytes of its weights.

    config: resolved mmdet Config. shapes: (height, width) of the input, px. Returns ({shape: multiply-adds, or None as
    in forward_macs}, bytes).
    The detector is built on torch's meta device, which computes shapes and no values. The count is the same, and it
    takes seconds for any size.
    """
    import torch
    from mmdet.models import build_detector

    counts: dict[Size, float | None] = {}
    with torch.device("meta"), torch.no_grad():
        # a new model each time: mmcv's counter leaves attributes in a model, and warns if it finds them there
        for shape in set(shapes):
            model = build_detector(config.model, train_cfg=config.get("train_cfg"), test_cfg=config.get("test_cfg"))
            counts[shape] = forward_macs(model, shape)
    return counts, sum(tensor.nbytes for tensor in model.state_dict().values())


def of_present_data(record: dict[str, Any], config: "Config") -> bool:
    """Whether a training.json is of the data that there are now; yes where images are gone, as of a finished run."""
    try:
        return bool(record.get("data_sha256") == training_data_sha256(config))
    except InputError:
        return True


def is_trained(folder: Path, config: "Config") -> dict[str, Any]:
    """A cell's training.json if it is of this config and data, else {}. folder: the cell's folder in results/."""
    record = read_json(folder / "training.json") if (folder / "training.json").is_file() else {}
    matches = record and record["config_sha256"] == sha256(folder / "config.py") and of_present_data(record, config)
    return record if matches else {}


def bound_folder(work: Path, config: "Config") -> Path | None:
    """Where a cell's training keeps its state; None before there can be one. work: the cell's folder in work/."""
    if not work.is_dir() or (config.load_from and not Path(config.load_from).is_file()):
        return None
    weights = sha256(config.load_from) if config.load_from else None
    return work / binding(config, training_data_sha256(config), weights)[:16]


def minutes_left(folder: Path, work: Path, config: "Config") -> float | None:
    """Minutes that a training by time still has; None for one of a given number of epochs. Arguments as below."""
    if "minutes" not in config.runner:
        return None
    bound = bound_folder(work, config)
    records = finished_epochs(bound) if bound else []
    if is_trained(folder, config) or epochs_wanted(config, records):
        return 0.0
    return max(0.0, float(config.runner.minutes) - minutes_used(records))


def epochs_done(folder: Path, work: Path, config: "Config", keep: Keep) -> int:
    """How many epochs of a cell are trained: all if training.json is of this config and data, else those in its work
    folder.

    folder: the cell's folder in results/. work: the cell's folder in work/. config: resolved mmdet Config of the cell.
    keep: which epochs' weights stay.
    """
    wanted: int | None = config.runner.get("max_epochs")
    if record := is_trained(folder, config):
        return wanted or int(record["epochs"])
    bound = bound_folder(work, config)
    if bound is None:
        return 0
    records = finished_epochs(bound)
    if wanted is None:
        return len(records)
    validation = Validation(config, bound, "plan", writes=False)
    if len(records) > wanted and lacking(bound, validation, records[:wanted], keep):
        records = finished_epochs(shorter_folder(bound, wanted))
    return min(wanted, len(records))


def plan_cell_by_time(
    config: "Config", counts: Sequence[float | None], weights: int, done: int, keep: Keep, left: float
) -> CellCost:
    """What the training of one cell will take that has training.minutes. left: of them. The rest as in plan_cell."""
    kept = keep["best"] * len(keep["metrics"]) + 1
    return {
        "epochs": None,
        "iterations": None,
        "images": None,
        "validated": None,
        "counts": counts,
        "training": None,
        "validation": None,
        "macs": None,
        # of as many epochs as have to be there to keep all that the config asks for, but each n-th one
        "disk": checkpoint_bytes(weights, max(2, kept), {**keep, "every": 0}, kept, config.optimizer),
        "precision": training_precision(config),
        "gpus": config.get("gpus", 1),
        "done": done,
        "left": 1 if left else 0,
        "minutes": [float(config.runner.minutes), left],
    }


def plan_cell(config: "Config", counts: Sequence[float | None], weights: int, done: int, keep: Keep) -> CellCost:
    """What the training of one cell will take.

    config: resolved mmdet Config. counts: multiply-adds of a forward pass at the test scale and at the training scale,
    None where they cannot be counted. weights: bytes of the weights. done: epochs that are trained already.
    """
    import numpy as np
    from mmdet.datasets import build_dataset

    import nuclei.training.datasets  # noqa: F401 - registers the data set that train_on_negatives names

    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools narrates
        dataset = build_dataset(config.data.train)
    batch, epochs, every = config.data.samples_per_gpu, config.runner.max_epochs, config.evaluation.interval
    gpus = config.get("gpus", 1)
    an_epoch = iterations_an_epoch(np.bincount(dataset.flag).tolist(), batch, gpus)
    seen = an_epoch * batch * gpus
    images = len(read_json(config.data.val.ann_file)["images"])
    left = epochs - done
    checks = [validations(epochs, every)]  # in all, and of what remains
    checks.append(checks[0] - done // every if every and left else 0)
    training = validation = macs = None
    test, train = counts
    if test is not None and train is not None:
        macs_an_epoch, macs_a_check = STEP * train * seen, test * images
        training, validation = macs_an_epoch * epochs, macs_a_check * checks[0]
        macs = [training + validation, macs_an_epoch * left + macs_a_check * checks[1]]
    return {
        "epochs": epochs,
        "iterations": an_epoch * epochs,
        "images": seen * epochs,
        "validated": images * checks[0],
        "counts": counts,
        "training": training,
        "validation": validation,
        "macs": macs,
        "disk": checkpoint_bytes(weights, epochs, keep, checks[0], config.optimizer),
        "precision": training_precision(config),
        "gpus": gpus,
        "done": done,
        "left": left,
        "minutes": None,
    }
