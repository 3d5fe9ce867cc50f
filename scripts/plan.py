"""What the trainings of all cells will take, and what of it is done: a Markdown page on stdout. Trains nothing.

Multiply-adds of a forward pass come from mmcv's counter, on the shape that the images have after resizing. Expected
hours follow from the cards' stated peaks and utilisation (config/cards.yaml): assumptions, not measurements.
"""

import argparse
import contextlib
import csv
import io
import sys
from collections import Counter
from pathlib import Path

from train import binding, data_sha256

from nuclei.common.documents import read_yaml, schema_problems
from nuclei.common.stage import InputError, read_json, run_stage, sha256
from nuclei.compute.device import precision
from nuclei.models.checkpoints import epoch_of
from nuclei.models.datasets import training_set
from nuclei.models.schedule import iterations_an_epoch
from nuclei.report.cells import cell_folder

FLOPS = 2  # of a multiply-add, which mmcv counts as one and data sheets as two
STEP = 3  # forward passes that a training step costs: forward, and backward at about twice that
STATES = {"SGD": 2, "Adam": 3, "AdamW": 3}  # a state in units of the weights: with momentum, with two moments
NOTES = f"""\
- GFLOPs an image: mmcv's count of one forward pass with mmdet's 1000 dummy proposals, at the test scale / at the middle
  of the training scales; it takes a multiply-add as one and leaves out point heads, mask-IoU heads and RoI pooling.
- Training PFLOPs: images seen x GFLOPs at the training scale x {STEP} (forward + backward) x {FLOPS} (a multiply-add is
  two, as in data sheets). Validation PFLOPs: images validated x GFLOPs at the test scale x {FLOPS}; pasting masks and
  scoring, on the CPU, are not in it.
- Hours: (training + validation PFLOPs) / (peak x utilisation). All of the cards' numbers are assumptions
  (config/cards.yaml); loading images is taken to keep up.
- Memory: peak measured on a CPU at full size; what a GPU needs differs. Disk: checkpoints at most, from the weights'
  bytes: kept epochs x weights + two states to resume from, which hold the optimizer's too.
- Epochs done: by the training of this very config and data; none, if another config or other data were trained."""


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
    bound = work / binding(config, data_sha256(config), weights)[:16]
    # the last finished epoch's weights always stay
    return min(wanted, max(map(epoch_of, bound.glob("epoch_*.pth")), default=0))


def measured_peak(path, model, setting):
    """Peak memory of a cell in GB, as the table of full-size tests has it, or None."""
    if not path:
        return None
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if (row["model"], row["setting"].removeprefix("setting")) == (model, str(setting)) and row["peak_gb"]:
                return float(row["peak_gb"])
    return None


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


def state(row):
    """finished, not started, or how many epochs are done."""
    if not row["left"]:
        return "finished"
    return f"{row['done']} of {row['epochs']} epochs done" if row["done"] else "not started"


def number(value, unit=1.0):
    """A quantity in `unit` with three digits that count; `not counted` for None."""
    if value is None:
        return "not counted"
    value /= unit
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def markdown(header, rows):
    """Lines of a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(map(str, line)) + " |" for line in lines]


def cell_lines(rows):
    """The table of cells, with their total; rows: {cell name: plan_cell's dict with `peak`}."""
    header = ["cell", "epochs", "iterations", "images seen", "GFLOPs an image", "training PFLOPs", "images validated"]
    header += ["validation PFLOPs", "memory GB", "disk GB", "state", "epochs left"]

    def total(key, unit=1.0):
        return number(sum(row[key] for row in rows.values() if row[key] is not None), unit)

    lines = []
    for name, row in rows.items():
        counts = "not counted" if None in row["counts"] else " / ".join(number(count, 1e9) for count in row["counts"])
        work = [number(row[key], 1e15 / FLOPS) for key in ("training", "validation")]
        peak = "not measured" if row["peak"] is None else f"{row['peak']:.1f}"
        seen = [f"{row[key]:,}" for key in ("epochs", "iterations", "images")]
        last = [peak, number(row["disk"], 1e9), state(row), row["left"]]
        lines.append([name, *seen, counts, work[0], f"{row['validated']:,}", work[1], *last])
    finished = sum(not row["left"] for row in rows.values())
    seen = [f"{sum(row[key] for row in rows.values()):,}" for key in ("epochs", "iterations", "images", "validated")]
    work = [total(key, 1e15 / FLOPS) for key in ("training", "validation")]
    ends = ["", total("disk", 1e9), f"{finished} of {len(rows)} done", sum(row["left"] for row in rows.values())]
    lines.append([f"all {len(rows)}", *seen[:3], "", work[0], seen[3], work[1], *ends])
    return markdown(header, lines)


def hour_lines(rows, cards):
    """The table of expected hours by cell and card, with totals in all and of what remains."""
    lines, sums = [], {card: [0.0, 0.0] for card in cards}
    for name, row in rows.items():
        line = [name, row["precision"]]
        for card, facts in cards.items():
            if row["macs"] is None:
                line.append("not counted")
                continue
            found = [hours(macs, facts, row["precision"]) for macs in row["macs"]]
            line.append(number(found[0]))
            sums[card] = [a + b for a, b in zip(sums[card], found, strict=True)]
        lines.append(line)
    uncounted = sum(row["macs"] is None for row in rows.values())
    short = f", without {uncounted} not counted" if uncounted else ""
    for index, name in enumerate((f"all {len(rows)}{short}", f"of that remains{short}")):
        lines.append([name, "", *(number(sums[card][index]) for card in cards)])
    return markdown(["cell", "precision", *cards], lines)


def page(rows, cards):
    """The whole page as text."""
    facts = [
        [name, *(f"{card[key][kind]:g}" for key in ("tflops", "utilisation") for kind in ("fp32", "fp16"))]
        + [f"{card['memory_gb']:g}", card.get("note", "")]
        for name, card in cards.items()
    ]
    header = ["card", "fp32 TFLOPS", "fp16 TFLOPS", "utilisation fp32", "utilisation fp16", "memory GB", "note"]
    parts = ["## Trainings", cell_lines(rows), "## Expected GPU hours (from assumptions)", hour_lines(rows, cards)]
    parts += ["## Cards (assumptions)", markdown(header, facts), "## How to read it", [NOTES]]
    return "\n\n".join(part if isinstance(part, str) else "\n".join(part) for part in parts)


def read_cards(path, schema_file):
    """Content of cards.yaml, checked."""
    cards = read_yaml(path)
    problems = schema_problems(cards, read_yaml(schema_file)["cards"])
    if problems:
        raise InputError(*(line.replace("config:", f"{path}:", 1) for line in problems))
    return cards


def plan(cells, args):
    """{cell name: its numbers}, for cells [(setting, model, seed)]; a detector is counted once, whoever shares it."""
    from mmcv import Config

    keep = {"best": args.keep_best, "metrics": args.keep_metrics, "every": args.keep_every}
    configs, counted, rows = {}, {}, {}
    for setting, model, seed in cells:
        config = Config.fromfile(cell_folder(args.run_dir, setting, model, seed) / "config.py")
        sizes = shapes(config)
        configs[setting, model, seed] = config, sizes, (repr(config.model), sizes)
    distinct = len({key for _, _, key in configs.values()})
    for (setting, model, seed), (config, sizes, key) in configs.items():
        if key not in counted:
            counted[key] = count_model(config, sizes)
            found = " / ".join(number(counted[key][0][shape], 1e9) for shape in sizes)
            print(f"plan: counted {model} {len(counted)}/{distinct}: {found} GFLOPs", file=sys.stderr, flush=True)
        macs, weights = counted[key]
        name = Path(f"setting{setting}", model, f"seed{seed}")
        done = epochs_done(cell_folder(args.run_dir, setting, model, seed), Path(args.work) / name, config)
        row = plan_cell(config, [macs[shape] for shape in sizes], weights, done, keep)
        rows[str(name)] = {**row, "peak": measured_peak(args.measured, model, setting)}
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-dir", required=True, help="results/<run>")
    parser.add_argument("--work", required=True, help="work/<run>/cells, with the state of unfinished trainings")
    parser.add_argument("--settings", nargs="+", type=int, required=True)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--seeds", nargs="+", type=int, required=True)
    parser.add_argument("--cards", default="config/cards.yaml")
    parser.add_argument("--schema", default="config/schema.yaml")
    parser.add_argument("--keep-best", type=int, default=1, help="as for train.py, like the next two")
    parser.add_argument("--keep-metrics", nargs="*", default=["ap50_100"])
    parser.add_argument("--keep-every", type=int, default=0)
    parser.add_argument("--measured", help="CSV of the full-size tests, with model, setting, peak_gb")
    args = parser.parse_args()
    cards = read_cards(args.cards, args.schema)
    cells = [(setting, model, seed) for setting in args.settings for model in args.models for seed in args.seeds]
    print(page(plan(cells, args), cards))


if __name__ == "__main__":
    run_stage(main)
