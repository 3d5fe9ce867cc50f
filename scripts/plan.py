"""What the trainings of all cells will take, and what of it is done: a Markdown page on stdout. Trains nothing.

Multiply-adds of a forward pass come from mmcv's counter, on the shape that the images have after resizing. Expected
hours follow from the cards' stated peaks and utilisation (config/cards.yaml): assumptions, not measurements.
"""

import argparse
import sys
from pathlib import Path

from nuclei.common.stage import run_stage
from nuclei.report.plan_page import measured_peak, number, page, read_cards
from nuclei.training.cost import count_model, epochs_done, plan_cell, shapes
from nuclei.workflow.run_folder import cell_folder


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
