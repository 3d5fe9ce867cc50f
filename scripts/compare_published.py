"""Score the published submissions beyond AP, and compare every two of them, with intervals.

It reads the author's answer_*.zip, the true nuclei of the test images (COCO JSON), published.tsv, which says which
file belongs to which row of the report's tables, organs.tsv and models.yaml. It writes comparisons.json, the tables
staircase.*, instances.*, organs.*, error_shares.*, errors.* and comparisons.* (.csv, .md, .tex, .html) and the figures
forest.* and better.* (.png, .svg), as a run has them. All detections of a file count: no validation images of it are
known to choose a score threshold on.
"""

import argparse
from pathlib import Path

from nuclei.coco.checks import check_ground_truth, check_predictions
from nuclei.common.files import read_json, write_json
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError, run_stage
from nuclei.models.catalogue import choose_models, read_models
from nuclei.prediction.answers import read_answer
from nuclei.report.comparison_figures import draw_better, draw_forest
from nuclei.report.instance_rows import TITLES, all_rows, notes
from nuclei.report.table_files import write_table
from nuclei.scoring.board import read_board
from nuclei.scoring.comparison_types import label
from nuclei.scoring.comparisons import compare
from nuclei.scoring.instance_scores import Measurement, Threshold, measure
from nuclei.scoring.organs import read_organs
from nuclei.scoring.published import read_published

THRESHOLD: Threshold = {"value": None, "chosen_on": "nothing: every detection of the file counts", "pq": None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", required=True, help="folder of the author's answer_<submission>.zip")
    parser.add_argument("--ground-truth", required=True, help="COCO JSON of the test images with their true nuclei")
    parser.add_argument("--published", required=True, help="published.tsv, the rows of the report's tables")
    parser.add_argument("--organs", required=True, help="organs.tsv, the organ of each image")
    parser.add_argument("--board", required=True, help="board.tsv, the first places of the competition's board")
    parser.add_argument("--models-file", required=True, help="models.yaml, which says what the tables show of a model")
    parser.add_argument("--out-dir", required=True, help="folder to write to")
    args = parser.parse_args()
    truth = read_json(args.ground_truth, "COCO JSON")
    check_ground_truth(truth, args.ground_truth)
    if not truth["annotations"]:
        raise InputError(f"{args.ground_truth}: no nuclei, wanted the test masks' annotations; set raw.test_masks.path")
    entries, rows = read_models(args.models_file), read_published(args.published)
    choose_models(entries, [model for _, model in rows], args.models_file)
    files = {
        key: path
        for key, row in rows.items()
        if row["submission"] and (path := Path(args.submissions, f"answer_{row['submission']}.zip")).is_file()
    }
    if not files:
        raise InputError(
            f"{args.submissions}: no answer_*.zip of a row of {args.published} found, wanted the author's; "
            "set published.submissions"
        )
    organs, board = read_organs(args.organs), read_board(args.board)
    found: dict[tuple[int, str], Measurement] = {}
    progress = Progress("submissions", len(files), "files", every=3)
    for key, path in files.items():
        results = read_answer(path)
        check_predictions(results, truth, str(path))
        found[key] = measure(truth, results, THRESHOLD, organs)
        progress.step()
    progress.close()
    comparisons = compare({label(*key): [one.statistics] for key, one in found.items()})
    write_json(f"{args.out_dir}/comparisons.json", comparisons, indent=None)
    scores = {key: [one.scores] for key, one in found.items()}
    lines = notes(scores, comparisons, "the report's author's published submissions, scored here")
    for table, (shown, values) in all_rows(entries, scores, comparisons, board).items():
        write_table(shown, f"{args.out_dir}/{table}", f"{TITLES[table]}; as published", lines[table], values)
    draw_forest(comparisons, f"{args.out_dir}/forest")
    draw_better(comparisons, f"{args.out_dir}/better")


if __name__ == "__main__":
    run_stage(main)
