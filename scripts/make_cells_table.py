"""Where each table cell comes from: a row a cell with its folder, hashes, code version, epoch, device, time, scores."""

import argparse

import pandas as pd

from nuclei.common.stage import run_stage, write_text
from nuclei.report.cells import read_cells
from nuclei.scoring.average_precision import NAMES


def provenance(run, setting, model, seed, cell):
    """The row of one cell (see read_cells)."""
    training, choice, scores = cell["training"], cell["choice"], cell["scores"]
    return {
        "setting": setting,
        "model": model,
        "seed": seed,
        "folder": str(cell["folder"].relative_to(run)),
        "epoch": choice["epoch"],
        "policy": choice["policy"],
        "metric": choice["metric"],
        "validation_score": choice["value"],
        "map_report": scores["map_report"],
        **{name: scores[name] for name in NAMES},
        "images": scores["images"],
        "nuclei": scores["nuclei"],
        "config_sha256": training["config_sha256"],
        "data_sha256": training["data_sha256"],
        "weights_sha256": training["weights_sha256"],
        "checkpoint_sha256": choice["sha256"],
        "code_version": training["code_version"],
        "device": training["device"],
        "threads": training["threads"],
        "epochs": training["epochs"],
        "wall_seconds": training["wall_seconds"],
        "finished": training["finished"],
    }


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
