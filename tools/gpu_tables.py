"""The page docs/gpu.md: what was measured on each card, a table for each kind of record."""

from collections.abc import Callable, Iterable
from typing import Any

import library  # noqa: F401 - lets the library be found
from nuclei.common.markdown import escape, table_lines

Record = dict[str, Any]
Runs = dict[str, list[Record]]  # {name of a card: its records, the first of kind card}

HEAD = """\
# On a GPU

`python tools/write_gpu_page.py` writes this page from the records of checks on GPUs. No record of a CPU gets into it.
"""

NOTHING = """\
**Nothing has been measured on a GPU yet.** The code for GPUs was run on CPUs alone: operators, training steps and whole
trainings with small models, several processes by gloo, the benches with small sizes. So no figure stands here, and no
speed on a card is known.
"""

HOW = """\
## How to measure

On a machine with a card, after `make setup` and with the data set in `data/`, one command does all of it:

```
make check-gpu                # 14 minutes; MINUTES= for another time, CHECK=--dry-run to see its steps first
```

The training takes that data set. The other steps draw images, or take those of `CHECK="--data FOLDER"`, where all find
`dataset/` and `test_masks/`. A machine without network and without our packages gets what it lacks in a folder that
`make gpu-kit` makes ([environments.md](environments.md#a-machine-with-a-gpu-and-without-network)).

- **operators**: each CUDA operator of mmcv that the models call beside the same one on the CPU.
- **steps**: training steps and inferences of each model at full size, in fp32, TF32, fp16 and (training alone) bf16;
  the losses beside those of the CPU in fp32.
- **speed**: training steps per second beside mmdet's own `tools/train.py` on the same batches. Aims: in fp32 at least
  as many, in the fastest safe precision 1.5 times as many. Where the time of a step goes.
- **other tests**: a training that is killed and goes on, another job that waits for the card, too little memory.
- **training**: Mask R-CNN R50 for the minutes that are left, by `config/best-gpu-minutes.yaml`, with its scores.

Each step says how long it may take and how it ended. Each figure is printed as soon as it is known, and kept in
`work/gpu/records.jsonl`; `work/gpu/gpu.md` is this page with what was found. To put it here and into `snakemake plan`:

```
python tools/write_gpu_page.py --records work/gpu/records.jsonl --cards config/cards.yaml
```

`make test-gpu` and `make bench-gpu` are the tests and the speeds alone, without a limit of time.
"""

SWITCHES = """\
## What makes a training on a GPU faster

- Whatever the precision: the loader puts batches into pinned memory, from which they are copied while the GPU computes;
  SGD, Adam and AdamW change all weights in one kernel (`fused`).
- Below fp32 (`training.precision: bf16` or `fp16`, or `compute.tf32: true`): feature maps lie channels last, as tensor
  cores take them. Models with operators of mmcv other than RoIAlign keep their layout.
- By `training.options: {cudnn_benchmark: true}`, mmdet's own key: cuDNN tries its algorithms for each new size. It is
  off, since the number of masks differs from step to step.
- `training.workers` processes load images. They start again in each epoch, because a training that goes on after a stop
  needs the seeds of an unbroken one.
- Left out: CUDA graphs and torch.compile. Behind the backbone, the sizes of most tensors follow from the nuclei, the
  proposals and the samples of each image, and mmcv's operators cannot be compiled.
"""

TITLES = {
    "build": ("Building mmcv-full", "Seconds until its wheel with CUDA operators was there."),
    "operator": ("Operators", "Largest differences from the same operator on the CPU, of values and of gradients."),
    "step": (
        "A training step of each model",
        "`loss` is that of the first step on the GPU, `loss_cpu` that of the CPU in fp32 with the same weights and "
        "images.",
    ),
    "inference": ("Prediction", "Images per second, one at a time."),
    "check": ("Checks", "What has to hold on a GPU beside numbers."),
    "speed": (
        "Training beside mmdet",
        "Training steps per second of `scripts/train.py` and of mmdet's `tools/train.py`, with the same config.py "
        "and batches, each in a process of its own, loading of images included. In fp32, TF32 is forbidden on both "
        "sides. Losses are equal if in fp32 each one of the first three steps is, and in other precisions the mean "
        "over all steps. Aims: in fp32 at least as fast, in the fastest safe precision 1.5 times.",
    ),
    "where": (
        "Where the time of a training step goes",
        "Milliseconds, by events in the GPU's stream; waiting counts to the part that is waited for. The copy of a "
        "batch to the GPU is in backbone and neck, clipping in backward.",
    ),
    "training": ("A real training", "By time, of all training images from random start."),
    "score": ("Scores", "On the test images, which were used for no choice."),
}
HIDDEN = {"kind", "date", "device", "default", "small", "torch"}


def shown(value: object) -> str:
    """A value of a record as text: numbers with four digits, yes and no, lists with commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shown, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {shown(item)}" for key, item in value.items())
    return str(value)


def plain(records: list[Record]) -> list[str]:
    """A table with a column for each key of the records, in their order."""
    keys = list(dict.fromkeys(key for record in records for key in record if key not in HIDDEN))
    return table_lines([key.replace("_", " ") for key in keys], [[shown(r.get(key)) for key in keys] for r in records])


def aim(record: Record) -> str:
    """What a speed aims at and whether it is reached; nothing is compared where losses differ."""
    if not record["equal"]:
        return "not compared: other losses"
    if not record["aim"]:
        return ""
    return f"at least {record['aim']:g}: {'met' if record['ratio'] >= record['aim'] else 'MISSED'}"


def speed(records: list[Record]) -> list[str]:
    """The table of training speeds, with the aims beside the ratios."""
    header = [
        "model",
        "precision",
        "switches on",
        "steps/s",
        "mmdet's steps/s",
        "mmdet's",
        "ratio",
        "aim",
        "images a step",
    ]
    header += ["input, px", "loading processes", "peak memory, GB", "mmdet's, GB", "losses"]
    rows = []
    for r in records:
        mmdets = str(r["reference"]).removeprefix("mmdet's tools/train.py, ")
        row = [
            r["model"],
            r["precision"],
            r["switches"],
            r["steps_per_second"],
            r["reference_steps_per_second"],
            mmdets,
        ]
        row += [r["ratio"], aim(r), r["batch"], f"{r['width']} x {r['height']}", r["workers"]]
        rows.append([*row, r["peak_memory_gb"], r["reference_peak_memory_gb"], r["losses"]])
    return table_lines(header, [map(shown, row) for row in rows])


def where(records: list[Record]) -> list[str]:
    """The table of the parts of a step: a row for each training, a column for each part."""
    trainings: dict[tuple[str, ...], dict[str, float]] = {}
    for r in records:
        key = (r["model"], r["side"], r["precision"], shown(r["switches"]))
        trainings.setdefault(key, {})[r["part"]] = r["seconds"]
    parts = list(dict.fromkeys(part for found in trainings.values() for part in found))
    rows = []
    for names, found in trainings.items():
        whole = sum(found.values())
        cells = [f"{1e3 * found[p]:.1f} ({found[p] / whole:.0%})" if p in found else "" for p in parts]
        rows.append([*names, *cells, f"{1e3 * whole:.1f}"])
    return table_lines(["model", "of", "precision", "switches on", *parts, "whole step"], rows)


TABLES: dict[str, Callable[[list[Record]], list[str]]] = {"speed": speed, "where": where}


def fastest(records: Iterable[Record]) -> list[str]:
    """A line for each model: the precision with the most steps per second, of those whose losses are mmdet's."""
    best: dict[str, Record] = {}
    for record in records:
        if (
            record["equal"]
            and record["steps_per_second"] > best.get(record["model"], record)["steps_per_second"] - 1e-12
        ):
            best[record["model"]] = record
    return [
        f"- {escape(model)}: fastest with equal losses in {r['precision']}, {shown(r['steps_per_second'])} steps/s."
        for model, r in best.items()
    ]


def card_lines(run: list[Record]) -> list[str]:
    """What was measured on one card. run: its records, the first of kind card."""
    card, *records = run
    facts = [f"{key.replace('_', ' ')} {shown(value)}" for key, value in card.items() if key not in {"kind", "name"}]
    lines = [f"## {escape(card['name'])}", "", f"{', '.join(map(str, map(escape, facts)))}.", ""]
    kinds = list(dict.fromkeys([*TITLES, *(record["kind"] for record in records)]))
    for kind in kinds:
        found = [record for record in records if record["kind"] == kind]
        if not found:
            continue
        title, text = TITLES.get(kind, (kind, ""))
        lines += [f"### {escape(title)}", ""] + ([text, ""] if text else [])
        lines += [*TABLES.get(kind, plain)(found), ""]
        lines += [*fastest(found), ""] if kind == "speed" else []
    return lines


def page(runs: Runs) -> str:
    """The whole page (Markdown). runs: {name of a card: its records, the first of kind card}."""
    measured = "\n".join(line for run in runs.values() for line in card_lines(run)) if runs else NOTHING
    return f"{HEAD}\n{measured}\n{HOW}\n{SWITCHES}"
