"""Draw the comparisons of a run: how far every row is from the best one, and which of two is better.

It reads comparisons.json. It writes two figures, each as .png and .svg: forest, a forest plot, and better, a matrix "A
better than B", each for four scores: mAP (AP50 at a cap of 100), AP at a cap of 1000, PQ and AJI+.
"""

import argparse

from nuclei.common.files import read_json
from nuclei.common.stage import run_stage, written_by
from nuclei.report.comparison_figures import draw_better, draw_forest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comparisons", required=True, help="comparisons.json")
    parser.add_argument("--out-dir", required=True, help="folder to write the figures to")
    args = parser.parse_args()
    found = read_json(args.comparisons, "what compare_cells.py writes")
    with written_by("compare_cells.py", args.comparisons):
        draw_forest(found, f"{args.out_dir}/forest")
        draw_better(found, f"{args.out_dir}/better")


if __name__ == "__main__":
    run_stage(main)
