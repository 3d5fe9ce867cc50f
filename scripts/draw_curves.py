"""Draw the training curves of one setting: the validation score by epoch, and the training loss.

It reads epochs.tsv, log.jsonl and checkpoint.json of each cell of the setting. It writes one figure, in which a ring
marks the chosen epoch of each cell.
"""

import argparse

from nuclei.common.stage import run_stage
from nuclei.report.cells import by_cell
from nuclei.report.curves import draw
from nuclei.scoring.names import NAMES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--epochs", nargs="+", required=True, help="epochs.tsv of each cell, model by model and then seed by seed"
    )
    parser.add_argument("--logs", nargs="+", required=True, help="log.jsonl of each cell, in the same order")
    parser.add_argument("--choices", nargs="+", required=True, help="checkpoint.json of each cell, in the same order")
    parser.add_argument(
        "--setting", type=int, choices=[1, 2], required=True, help="the setting that the cells belong to"
    )
    parser.add_argument("--models", nargs="+", required=True, help="names of the models, in the order of the files")
    parser.add_argument("--seeds", nargs="+", type=int, required=True, help="seeds, in the order of the files")
    parser.add_argument("--metric", choices=NAMES, default="ap50_100", help="validation score that is drawn")
    parser.add_argument("--window", type=int, help="inference.window, px, for a line on why the test's score differs")
    parser.add_argument("--out", required=True, help="where to write the figure, a PNG")
    args = parser.parse_args()
    given = {"epochs": args.epochs, "logs": args.logs, "choices": args.choices}
    files = {name: by_cell(args.models, args.seeds, paths, f"--{name}") for name, paths in given.items()}
    draw(args.setting, args.models, args.seeds, args.metric, files, args.out, args.window)


if __name__ == "__main__":
    run_stage(main)
