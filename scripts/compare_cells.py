"""Compare every two models of a run, in every setting and score, and say how sure each difference is.

It reads image_statistics.json of every cell and of every ensemble. It writes comparisons.json: the interval of each
score and, for every two rows of the tables (a model or an ensemble in a setting), the difference of each score with its
interval, p values, and which of the two is better, or "cannot be told". Nothing is chosen by it.
"""

import argparse

from nuclei.common.files import write_json
from nuclei.common.stage import run_stage
from nuclei.scoring.compared_files import read_ensembles, read_groups
from nuclei.scoring.comparisons import compare, not_compared


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--statistics",
        nargs="+",
        required=True,
        help="image_statistics.json of each cell, by setting, then model, then seed",
    )
    parser.add_argument("--settings", nargs="+", type=int, required=True, help="settings, in the order of the files")
    parser.add_argument("--models", nargs="+", required=True, help="names of the models, in the order of the files")
    parser.add_argument("--seeds", nargs="+", type=int, required=True, help="seeds, in the order of the files")
    parser.add_argument(
        "--ensembles", nargs="*", default=[], help="names of the ensembles, in the order of their files"
    )
    parser.add_argument(
        "--ensemble-statistics",
        nargs="*",
        default=[],
        help="image_statistics.json of each ensemble, by setting, then ensemble",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of what is drawn at random, where anything is")
    parser.add_argument("--out", required=True, help="where to write comparisons.json")
    args = parser.parse_args()
    groups = read_groups(args.settings, args.models, args.seeds, args.statistics)
    if groups:
        groups |= read_ensembles(args.settings, args.ensembles, groups, args.ensemble_statistics)
    write_json(args.out, compare(groups, args.seed) if groups else not_compared(), indent=None)


if __name__ == "__main__":
    run_stage(main)
