"""Training curves of a setting: validation score by epoch with the chosen epoch marked, and training loss."""

import argparse

import matplotlib

from nuclei.common.stage import run_stage
from nuclei.report.curves import draw
from nuclei.scoring.names import NAMES

matplotlib.use("Agg")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-dir", required=True, help="results/<run>")
    parser.add_argument("--setting", type=int, choices=[1, 2], required=True)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--seeds", nargs="+", type=int, required=True)
    parser.add_argument("--metric", choices=NAMES, default="ap50_100", help="validation score that is drawn")
    parser.add_argument("--out", required=True, help="PNG")
    args = parser.parse_args()
    draw(args.run_dir, args.setting, args.models, args.seeds, args.metric, args.out)


if __name__ == "__main__":
    run_stage(main)
