"""The page of `snakemake plan`."""

import csv

from nuclei.common.documents import read_yaml, schema_problems
from nuclei.common.markdown import table_lines
from nuclei.common.stage import InputError
from nuclei.training.cost import FLOPS, STEP, hours

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


def measured_peak(path, model, setting):
    """Peak memory of a cell in GB, as the table of full-size tests has it, or None."""
    if not path:
        return None
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if (row["model"], row["setting"].removeprefix("setting")) == (model, str(setting)) and row["peak_gb"]:
                return float(row["peak_gb"])
    return None


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
    return table_lines(header, lines)


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
    return table_lines(["cell", "precision", *cards], lines)


def page(rows, cards):
    """The whole page as text."""
    facts = [
        [name, *(f"{card[key][kind]:g}" for key in ("tflops", "utilisation") for kind in ("fp32", "fp16"))]
        + [f"{card['memory_gb']:g}", card.get("note", "")]
        for name, card in cards.items()
    ]
    header = ["card", "fp32 TFLOPS", "fp16 TFLOPS", "utilisation fp32", "utilisation fp16", "memory GB", "note"]
    parts = ["## Trainings", cell_lines(rows), "## Expected GPU hours (from assumptions)", hour_lines(rows, cards)]
    parts += ["## Cards (assumptions)", table_lines(header, facts), "## How to read it", [NOTES]]
    return "\n\n".join(part if isinstance(part, str) else "\n".join(part) for part in parts)


def read_cards(path, schema_file):
    """Content of cards.yaml, checked."""
    cards = read_yaml(path)
    problems = schema_problems(cards, read_yaml(schema_file)["cards"])
    if problems:
        raise InputError(*(line.replace("config:", f"{path}:", 1) for line in problems))
    return cards
