"""Draw the comparisons of a run: how far every row is from the best one, and which of two is better.

It reads comparisons.json. It writes two figures (PNG): a forest plot, and a matrix "A better than B", each for four
scores: the report's mAP, AP at a cap of 1000, PQ and AJI+.
"""

import argparse

from nuclei.common.files import read_json
from nuclei.common.stage import run_stage, written_by
from nuclei.report.comparison_figures import draw_better, draw_forest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comparisons", required=True, help="comparisons.json")
    parser.add_argument("--out-forest", required=True, help="where to write the forest plot")
    parser.add_argument("--out-better", required=True, help="where to write the matrix")
    args = parser.parse_args()
    found = read_json(args.comparisons, "what compare_cells.py writes")
    with written_by("compare_cells.py", args.comparisons):
        draw_forest(found, args.out_forest)
        draw_better(found, args.out_better)


if __name__ == "__main__":
    run_stage(main)
