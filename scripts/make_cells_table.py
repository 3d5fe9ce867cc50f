"""Make the list of all cells: one row for each, which says where its numbers come from.

It reads scores.json, checkpoint.json and training.json of every cell. It writes cells.csv: for each cell its folder,
the chosen epoch, its scores, the hashes of config, data and weights, the version of the code, the device, and the time.
"""

import argparse

import pandas as pd

from nuclei.common.files import write_text
from nuclei.common.stage import run_stage
from nuclei.report.cells import by_setting, read_cells
from nuclei.report.provenance import provenance


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--scores", nargs="+", required=True, help="scores.json of each cell, by setting, then model, then seed"
    )
    parser.add_argument("--choices", nargs="+", required=True, help="checkpoint.json of each cell, in the same order")
    parser.add_argument("--trainings", nargs="+", required=True, help="training.json of each cell, in the same order")
    parser.add_argument(
        "--run-dir", required=True, help="the run's folder, results/<run>, which the folders in the table start from"
    )
    parser.add_argument("--settings", nargs="+", required=True, help="settings and folds, in the order of the files")
    parser.add_argument("--models", nargs="+", required=True, help="names of the models, in the order of the files")
    parser.add_argument("--seeds", nargs="+", type=int, required=True, help="seeds, in the order of the files")
    parser.add_argument("--out", required=True, help="where to write cells.csv")
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
