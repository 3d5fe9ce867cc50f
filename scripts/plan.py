"""What the trainings of all cells will take, and what of it is done: a Markdown page on stdout. Trains nothing.

Multiply-adds of a forward pass come from mmcv's counter, on the shape that the images have after resizing. Expected
hours follow from the cards' stated peaks and utilisation (config/cards.yaml): assumptions, not measurements.
"""

import argparse
import sys
from pathlib import Path

from nuclei.common.stage import run_stage
from nuclei.report.cells import by_cell, by_setting
from nuclei.report.plan_page import measured_peak, number, page, read_cards
from nuclei.training.cost import count_model, epochs_done, plan_cell, shapes
from nuclei.workflow.run_folder import cell_folder


def plan(configs, work, keep, measured):
    """{cell name: its numbers}; a detector is counted once, whichever cells share it.

    configs: {(setting, model, seed): path of config.py}. work: work/<run>. keep: {"best", "metrics", "every"}.
    measured: CSV of the full-size tests, or None.
    """
    from mmcv import Config

    read, counted, rows = {}, {}, {}
    for cell, path in configs.items():
        config = Config.fromfile(path)
        sizes = shapes(config)
        read[cell] = config, sizes, (repr(config.model), sizes)
    distinct = len({key for _, _, key in read.values()})
    for (setting, model, seed), (config, sizes, key) in read.items():
        if key not in counted:
            counted[key] = count_model(config, sizes)
            found = " / ".join(number(counted[key][0][shape], 1e9) for shape in sizes)
            print(f"plan: counted {model} {len(counted)}/{distinct}: {found} GFLOPs", file=sys.stderr, flush=True)
        macs, weights = counted[key]
        folder = Path(configs[setting, model, seed]).parent
        done = epochs_done(folder, cell_folder(work, setting, model, seed), config)
        row = plan_cell(config, [macs[shape] for shape in sizes], weights, done, keep)
        rows[f"setting{setting}/{model}/seed{seed}"] = {**row, "peak": measured_peak(measured, model, setting)}
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configs", nargs="+", required=True, help="config.py, by setting, then model, then seed")
    parser.add_argument("--work", required=True, help="work/<run>, with the state of unfinished trainings")
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
    configs = {
        (setting, *cell): path
        for setting, paths in by_setting(args.settings, args.models, args.seeds, args.configs, "--configs").items()
        for cell, path in by_cell(args.models, args.seeds, paths, "--configs").items()
    }
    keep = {"best": args.keep_best, "metrics": args.keep_metrics, "every": args.keep_every}
    print(page(plan(configs, args.work, keep, args.measured), cards))


if __name__ == "__main__":
    run_stage(main)
