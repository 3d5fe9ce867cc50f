"""Training curves of a setting: validation score by epoch with the chosen epoch marked, and training loss."""

import argparse

from nuclei.common.stage import run_stage
from nuclei.report.cells import by_cell
from nuclei.report.curves import draw
from nuclei.scoring.names import NAMES


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--setting", type=int, choices=[1, 2], required=True)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--seeds", nargs="+", type=int, required=True)
    parser.add_argument("--epochs", nargs="+", required=True, help="epochs.tsv, model by model and then seed by seed")
    parser.add_argument("--logs", nargs="+", required=True, help="log.jsonl, in the same order")
    parser.add_argument("--choices", nargs="+", required=True, help="checkpoint.json, in the same order")
    parser.add_argument("--metric", choices=NAMES, default="ap50_100", help="validation score that is drawn")
    parser.add_argument("--out", required=True, help="PNG")
    args = parser.parse_args()
    given = {"epochs": args.epochs, "logs": args.logs, "choices": args.choices}
    files = {name: by_cell(args.models, args.seeds, paths, f"--{name}") for name, paths in given.items()}
    draw(args.setting, args.models, args.seeds, args.metric, files, args.out)


if __name__ == "__main__":
    run_stage(main)
