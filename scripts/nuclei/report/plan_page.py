"""The page that `snakemake plan` prints: what the trainings of all cells will take."""

import csv
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from nuclei.common.documents import read_yaml, schema_problems
from nuclei.common.markdown import table_lines
from nuclei.common.stage import InputError
from nuclei.training.cost import FLOPS, STEP, Card, PlannedCell, hours, measured_speed

NOTES = f"""\
- GFLOPs an image: mmcv's count of one forward pass with mmdet's 1000 dummy proposals, at the test scale / at the middle
  of the training scales; it takes a multiply-add as one and leaves out point heads, mask-IoU heads and RoI pooling.
- Training PFLOPs: images seen x GFLOPs at the training scale x {STEP} (forward + backward) x {FLOPS} (a multiply-add is
  two, as in data sheets). Validation PFLOPs: images validated x GFLOPs at the test scale x {FLOPS}; pasting masks and
  scoring, on the CPU, are not in it.
- Hours, assumed: (training + validation PFLOPs) / (peak x utilisation), both of config/cards.yaml; loading images is
  taken to keep up. Hours, measured: the same PFLOPs at the speed that this model's training had on this card in this
  precision (docs/gpu.md), whatever its batch and image size were.
  With training.minutes, the hours of a training are given, and the number of its epochs depends on the machine; its
  validation comes on top.
- "12 / 4" are 12 GPU hours on 4 GPUs that train the cell together (compute.gpus): 3 hours, if no GPU waits for another.
  Iterations are then those of each GPU.
- Memory: peak measured on a CPU at full size; what a GPU needs differs. Disk: checkpoints at most, from the weights'
  bytes: kept epochs x weights + two states to resume from, which hold the optimizer's too.
- Epochs done: by the training of this very config and data; none, if another config or other data were trained."""


def measured_peak(path: Path | str | None, model: str, setting: int | str) -> float | None:
    """Peak memory of a cell in GB, from the table of the full-size tests (docs/full_size.csv); None if it has none.

    path: of the table, or None. setting: 1, 2 or the name of a fold, of which nothing is measured.
    """
    if not path:
        return None
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if (row["model"], row["setting"].removeprefix("setting")) == (model, str(setting)) and row["peak_gb"]:
                return float(row["peak_gb"])
    return None


def state(row: PlannedCell) -> str:
    """How far a cell's training is: finished, not started, or how many epochs are done."""
    if not row["left"]:
        return "finished"
    if row["minutes"]:
        used = f"{row['minutes'][0] - row['minutes'][1]:.3g} of {row['minutes'][0]:g} minutes used"
        return used if row["done"] else "not started"
    return f"{row['done']} of {row['epochs']} epochs done" if row["done"] else "not started"


def number(value: float | None, unit: float = 1.0) -> str:
    """A quantity, divided by `unit`, with three significant digits; `not counted` for None."""
    if value is None:
        return "not counted"
    value /= unit
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def cell_lines(rows: Mapping[str, PlannedCell]) -> list[str]:
    """Lines of the table of cells, with a row of totals. rows: {name of the cell: what it takes}."""
    header = ["cell", "epochs", "iterations", "images seen", "GFLOPs an image", "training PFLOPs", "images validated"]
    header += ["validation PFLOPs", "memory GB", "disk GB", "state", "epochs left"]

    def total(key: Literal["training", "validation", "disk"], unit: float = 1.0) -> str:
        return number(sum(value for row in rows.values() if (value := row[key]) is not None), unit)

    def shown(row: PlannedCell, key: Literal["epochs", "iterations", "images", "validated"]) -> str:
        return "by time" if (value := row[key]) is None else f"{value:,}"

    lines: list[list[object]] = []
    for name, row in rows.items():
        counts = "not counted" if None in row["counts"] else " / ".join(number(count, 1e9) for count in row["counts"])
        work = ["by time" if row["minutes"] else number(row[key], 1e15 / FLOPS) for key in ("training", "validation")]
        peak = "not measured" if row["peak"] is None else f"{row['peak']:.1f}"
        seen = [shown(row, key) for key in ("epochs", "iterations", "images")]
        last = [peak, number(row["disk"], 1e9), state(row), "by time" if row["minutes"] else row["left"]]
        lines.append([name, *seen, counts, work[0], shown(row, "validated"), work[1], *last])
    finished = sum(not row["left"] for row in rows.values())
    keys: tuple[Literal["epochs", "iterations", "images", "validated"], ...] = (
        "epochs",
        "iterations",
        "images",
        "validated",
    )
    seen = [f"{sum(row[key] or 0 for row in rows.values()):,}" for key in keys]
    work = [total(key, 1e15 / FLOPS) for key in ("training", "validation")]
    left = sum(row["left"] for row in rows.values() if not row["minutes"])
    ends = ["", total("disk", 1e9), f"{finished} of {len(rows)} done", left]
    lines.append([f"all {len(rows)}", *seen[:3], "", work[0], seen[3], work[1], *ends])
    return table_lines(header, lines)


def basis(measured: Collection[bool]) -> str:
    """What hours follow from, in a word. measured: of each training without a given time, whether its speed was."""
    if not measured:
        return "given"
    return "assumed" if not any(measured) else "measured" if all(measured) else "partly measured"


def hour_lines(rows: Mapping[str, PlannedCell], cards: Mapping[str, Card]) -> list[str]:
    """Lines of the table of expected hours by cell and card, with a total of all and a total of what remains."""
    lines: list[list[object]] = []
    sums = {card: [0.0, 0.0] for card in cards}
    known: dict[str, list[bool]] = {card: [] for card in cards}
    for name, row in rows.items():
        line: list[object] = [name, row["precision"]]
        for card, facts in cards.items():
            own: list[bool] = []
            if row["minutes"]:
                found = [minutes / 60 * row["gpus"] for minutes in row["minutes"]]
            elif row["macs"] is None:
                line.append("not counted")
                continue
            else:
                how = facts, row["precision"], row["timed_as"]
                own = [measured_speed(facts, row["timed_as"], row["precision"]) is not None]
                known[card] += own
                found = [hours(macs, *how) for macs in row["macs"]]
            gpus = f" / {row['gpus']}" if row["gpus"] > 1 else ""
            line.append(f"{number(found[0])}{gpus} ({basis(own)})")
            sums[card] = [a + b for a, b in zip(sums[card], found, strict=True)]
        lines.append(line)
    uncounted = sum(row["macs"] is None and not row["minutes"] for row in rows.values())
    short = f", without {uncounted} not counted" if uncounted else ""
    for index, name in enumerate((f"all {len(rows)}{short}", f"of that remains{short}")):
        lines.append([name, "", *(f"{number(sums[card][index])} ({basis(known[card])})" for card in cards)])
    return table_lines(["cell", "precision", *cards], lines)


def speeds(card: Card) -> str:
    """The measured speeds of a card, in words; empty where there are none."""
    if "measured" not in card:
        return ""
    found = card["measured"]
    steps = [
        f"{model} {precision} {speed['steps_per_second']:.3g}"
        for model, by_precision in found["training"].items()
        for precision, speed in by_precision.items()
    ]
    return f"{', '.join(steps)} steps/s (torch {found['torch']}, {found['date']})"


def page(rows: Mapping[str, PlannedCell], cards: Mapping[str, Card]) -> str:
    """The whole page (Markdown). rows: {name of the cell: what it takes}. cards: {name: card}, of read_cards."""
    facts = [
        [name, *(f"{card[key][kind]:g}" for key in ("tflops", "utilisation") for kind in ("fp32", "fp16"))]
        + [f"{card['memory_gb']:g}", card.get("note", ""), speeds(card)]
        for name, card in cards.items()
    ]
    header = ["card", "fp32 TFLOPS", "fp16 TFLOPS", "utilisation fp32", "utilisation fp16", "memory GB", "note"]
    header += ["measured"]
    parts = ["## Trainings", cell_lines(rows), "## Expected GPU hours", hour_lines(rows, cards)]
    parts += ["## Cards (utilisations are assumptions)", table_lines(header, facts), "## How to read it", [NOTES]]
    return "\n\n".join(part if isinstance(part, str) else "\n".join(part) for part in parts)


def read_cards(path: Path | str, schema_file: Path | str) -> dict[str, Card]:
    """Content of cards.yaml: {name: card}. Raises InputError with every place where it does not fit its schema."""
    cards = read_yaml(path)
    problems = schema_problems(cards, read_yaml(schema_file)["cards"])
    if problems:
        raise InputError(*(line.replace("config:", f"{path}:", 1) for line in problems))
    return cards
