"""Training curves of a setting: the validation score by epoch, with the chosen epoch marked, and the training loss."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from nuclei.common.files import read_json, whole_file
from nuclei.common.stage import InputError
from nuclei.report.titles import long_title
from nuclei.scoring.names import ScoreName

WINDOWS = (
    "Validation during a training looks at whole images, resized to the test scale;\n"
    "the test looks at windows of {} px, so its score may be much higher."
)


def read_scores(path: Path | str, metric: ScoreName) -> tuple[list[int], list[float]]:
    """(epochs, scores) of epochs.tsv, for the epochs that were validated. InputError where it is no such table."""
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file, delimiter="\t") if row[metric]]
        return [int(row["epoch"]) for row in rows], [float(row[metric]) for row in rows]
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise InputError(f"{path}: not a score table ({error!r}), wanted epoch and {metric}; train again") from None


def read_losses(path: Path | str) -> tuple[list[float], list[float]]:
    """(epochs, losses) of log.jsonl. A row of epoch 3 that ends in its middle lies at 2.5.

    InputError where the file is no such log, or has no row of a training.
    """
    try:
        rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
        rows = [row for row in rows if row["mode"] == "train"]
        length = max((row["iter"] for row in rows), default=0)
        found = [row["epoch"] - 1 + row["iter"] / length for row in rows], [float(row["loss"]) for row in rows]
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a training log ({error!r:.80}), wanted rows of JSON; train again") from None
    if not rows:
        raise InputError(f"{path}: no training rows found, wanted one at least; train again")
    return found


def count_epochs(path: Path | str) -> int:
    """The last epoch of epochs.tsv, validated or not; 1 where there is none. The file is one of read_scores."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return max((int(row["epoch"]) for row in csv.DictReader(file, delimiter="\t")), default=1)


def draw(
    setting: int,
    models: Sequence[str],
    seeds: Sequence[int],
    metric: ScoreName,
    files: Mapping[str, Mapping[tuple[str, int], Path]],
    out: Path | str,
    window: int | None = None,
) -> None:
    """Write the figure of one setting (PNG) to `out`.

    metric: the validation score that is drawn. files: the paths of each cell, {"epochs": epochs.tsv, "logs": log.jsonl,
    "choices": checkpoint.json}, each as {(model, seed): path}. window: inference.window, px, by which test images are
    looked at and validation images are not; None without.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    colours = plt.get_cmap("tab10")
    last = 1.0
    for number, model in enumerate(models):
        for seed in seeds:
            epochs, scores = read_scores(files["epochs"][model, seed], metric)
            at, losses = read_losses(files["logs"][model, seed])
            last = max(last, count_epochs(files["epochs"][model, seed]), *at)
            colour, label = colours(number % 10), model if seed == seeds[0] else None
            left.plot(epochs, scores, color=colour, marker=".", label=label, lw=1.2, clip_on=False)
            chosen = read_json(files["choices"][model, seed])
            if chosen["epoch"] in epochs:
                ring = scores[epochs.index(chosen["epoch"])]
                left.plot(chosen["epoch"], ring, "o", ms=10, mfc="none", color=colour, clip_on=False)
            right.plot(at, losses, color=colour, lw=1.2, label=label, clip_on=False)
    left.set(xlabel="epoch", ylabel=long_title(metric), title="validation (ring: chosen epoch)")
    if window:
        left.set_xlabel(f"epoch\n{WINDOWS.format(window)}")
    right.set(xlabel="epoch", ylabel="loss", title="training loss")
    for axes in (left, right):
        axes.update_datalim([(0, 0)], updatex=False)  # else the margin on top depends on the lowest value, too
        axes.autoscale_view()
        axes.set_ylim(bottom=0)
        axes.set_xlim(0, last)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    right.legend(frameon=False, fontsize=9)
    figure.suptitle(f"Setting {setting}")
    with whole_file(out) as temporary:
        figure.savefig(temporary, dpi=110, format="png", metadata={"Software": None})
    plt.close(figure)
