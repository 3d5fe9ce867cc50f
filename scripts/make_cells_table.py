"""Where each table cell comes from: a row a cell with its folder, hashes, code version, epoch, device, time, scores."""

import argparse

import pandas as pd

from nuclei.common.files import write_text
from nuclei.common.stage import run_stage
from nuclei.report.cells import read_cells
from nuclei.report.provenance import provenance


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-dir", required=True, help="results/<run>")
    parser.add_argument("--settings", nargs="+", type=int, required=True)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--seeds", nargs="+", type=int, required=True)
    parser.add_argument("--out", required=True, help="cells.csv")
    args = parser.parse_args()
    rows = [
        provenance(args.run_dir, setting, model, seed, cell)
        for setting in args.settings
        for model, cells in read_cells(args.run_dir, setting, args.models, args.seeds).items()
        for seed, cell in zip(args.seeds, cells, strict=True)
    ]
    write_text(args.out, pd.DataFrame(rows).to_csv(index=False))


if __name__ == "__main__":
    run_stage(main)
