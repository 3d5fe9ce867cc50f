"""Where each table cell comes from: a row a cell with its folder, hashes, code version, epoch, device, time, scores."""

import argparse

import pandas as pd

from nuclei.common.files import write_text
from nuclei.common.stage import run_stage
from nuclei.report.cells import by_setting, read_cells
from nuclei.report.provenance import provenance


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-dir", required=True, help="results/<run>, which the shown folders start from")
    parser.add_argument("--settings", nargs="+", type=int, required=True)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--seeds", nargs="+", type=int, required=True)
    parser.add_argument("--scores", nargs="+", required=True, help="scores.json, by setting, then model, then seed")
    parser.add_argument("--choices", nargs="+", required=True, help="checkpoint.json, in the same order")
    parser.add_argument("--trainings", nargs="+", required=True, help="training.json, in the same order")
    parser.add_argument("--out", required=True, help="cells.csv")
    args = parser.parse_args()
    scores, choices, trainings = (
        by_setting(args.settings, args.models, args.seeds, getattr(args, name), f"--{name}")
        for name in ("scores", "choices", "trainings")
    )
    rows = []
    for n in args.settings:
        cells = read_cells(args.models, args.seeds, scores=scores[n], choice=choices[n], training=trainings[n])
        for model, found in cells.items():
            rows += [
                provenance(args.run_dir, n, model, seed, cell) for seed, cell in zip(args.seeds, found, strict=True)
            ]
    write_text(args.out, pd.DataFrame(rows).to_csv(index=False))


if __name__ == "__main__":
    run_stage(main)
