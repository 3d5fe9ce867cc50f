"""Print what the trainings of all cells will take, and how much of it is done. It trains nothing.

It reads the config.py of every cell, the annotations that they name, the state of unfinished trainings, the GPUs of
cards.yaml and, where it is given, the table of memory peaks. It writes no file: the page (Markdown) goes to stdout.

The multiply-adds of a forward pass come from mmcv's counter, for the size that images have after resizing and
cropping. The hours follow from the speed that was measured for the model on a card, where cards.yaml has one, else from
the card's peak and utilisation, which are assumptions. The page marks each as measured or assumed.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nuclei.common.stage import run_stage
from nuclei.report.cells import by_cell, by_setting
from nuclei.report.plan_page import measured_peak, number, page, read_cards
from nuclei.training.cost import (
    PlannedCell,
    Size,
    count_model,
    epochs_done,
    minutes_left,
    plan_cell,
    plan_cell_by_time,
    shapes,
)
from nuclei.training.kept_epochs import add_options, keep_of
from nuclei.training.negatives import train_on_negatives
from nuclei.training.types import Keep
from nuclei.workflow.run_folder import cell_folder, setting_name


def plan(
    configs: Mapping[tuple[str, str, int], Path], work: str, keep: Keep, measured: str | None, narrow: bool = False
) -> dict[str, PlannedCell]:
    """What the training of each cell will take: {name of the cell: numbers}.

    configs: {(setting, model, seed): path of config.py}. work: work/<run>. keep: which epochs' weights train.py keeps.
    measured: CSV of the full-size tests, or None. narrow: whether the models are narrow or shallow, so that speeds that
    were measured at full size say nothing of them. A detector that several cells share is counted once.
    """
    from mmcv import Config

    read: dict[tuple[str, str, int], tuple[Any, tuple[Size, Size], object]] = {}
    counted: dict[object, tuple[dict[Size, float | None], int]] = {}
    rows: dict[str, PlannedCell] = {}
    for cell, path in configs.items():
        config = Config.fromfile(path)
        train_on_negatives(config)
        sizes = shapes(config)
        read[cell] = config, sizes, (repr(config.model), sizes)
    distinct = len({key for _, _, key in read.values()})
    for (setting, model, seed), (config, sizes, key) in read.items():
        if key not in counted:
            counted[key] = count_model(config, sizes)
            found = " / ".join(number(counted[key][0][shape], 1e9) for shape in sizes)
            print(f"plan: counted {model} {len(counted)}/{distinct}: {found} GFLOPs", file=sys.stderr, flush=True)
        macs, weights = counted[key]
        folders = Path(configs[setting, model, seed]).parent, cell_folder(work, setting, model, seed)
        done, left = epochs_done(*folders, config, keep), minutes_left(*folders, config)
        counts = [macs[shape] for shape in sizes]
        if left is None:
            row = plan_cell(config, counts, weights, done, keep)
        else:
            row = plan_cell_by_time(config, counts, weights, done, keep, left)
        rows[f"{setting_name(setting)}/{model}/seed{seed}"] = {
            **row,
            "peak": measured_peak(measured, model, setting),
            "timed_as": None if narrow else model,
        }
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--configs", nargs="+", required=True, help="config.py of each cell, by setting, then model, then seed"
    )
    parser.add_argument("--work", required=True, help="work/<run>, with the state of unfinished trainings")
    parser.add_argument("--cards", default="config/cards.yaml", help="GPUs to expect hours for (default: %(default)s)")
    parser.add_argument(
        "--schema", default="config/schema.yaml", help="JSON schema that cards.yaml must fit (default: %(default)s)"
    )
    parser.add_argument(
        "--measured", nargs="?", help="CSV of the full-size tests with the columns model, setting, peak_gb"
    )
    parser.add_argument(
        "--narrow", action="store_true", help="the models are narrow or shallow: measured speeds do not hold for them"
    )
    parser.add_argument("--settings", nargs="+", required=True, help="settings and folds, in the order of the files")
    parser.add_argument("--models", nargs="+", required=True, help="names of the models, in the order of the files")
    parser.add_argument("--seeds", nargs="+", type=int, required=True, help="seeds, in the order of the files")
    add_options(parser)
    args = parser.parse_args()
    cards = read_cards(args.cards, args.schema)
    configs = {
        (setting, *cell): path
        for setting, paths in by_setting(args.settings, args.models, args.seeds, args.configs, "--configs").items()
        for cell, path in by_cell(args.models, args.seeds, paths, "--configs").items()
    }
    print(page(plan(configs, args.work, keep_of(args), args.measured, args.narrow), cards))


if __name__ == "__main__":
    run_stage(main)
