"""Does a higher validation score go with a higher test score? Rank correlations over the epochs of all cells.

It reads epoch_scores.json of every cell. It writes epoch_correlations.json: of each setting and score the mean of the
cells' rank correlations with its interval, and the rank correlation of each cell. Nothing is chosen by them.
"""

import argparse

from nuclei.common.files import read_json, write_json
from nuclei.common.stage import run_stage, written_by
from nuclei.report.cells import by_cell, by_setting
from nuclei.scoring.epoch_correlations import correlate, not_correlated


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--scores", nargs="+", required=True, help="epoch_scores.json of each cell, by setting, then model, then seed"
    )
    parser.add_argument("--settings", nargs="+", type=int, required=True, help="settings, in the order of the files")
    parser.add_argument("--models", nargs="+", required=True, help="names of the models, in the order of the files")
    parser.add_argument("--seeds", nargs="+", type=int, required=True, help="seeds, in the order of the files")
    parser.add_argument("--out", required=True, help="where to write epoch_correlations.json")
    args = parser.parse_args()
    paths = by_setting(args.settings, args.models, args.seeds, args.scores, "--scores")
    found = {
        (setting, f"{model}/seed{seed}"): read_json(path, "what score_epochs.py writes")
        for setting, own in paths.items()
        for (model, seed), path in by_cell(args.models, args.seeds, own, "--scores").items()
    }
    scored = {key: epochs for key, epochs in found.items() if epochs}
    with written_by("score_epochs.py", args.scores[0]):
        result = correlate(scored) if scored else not_correlated()
    write_json(args.out, result)


if __name__ == "__main__":
    run_stage(main)
