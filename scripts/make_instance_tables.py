"""Make the tables of the scores beyond AP, of all cells of a run.

It reads instance_scores.json of every cell and of every ensemble, comparisons.json, board.tsv and models.yaml. It
writes staircase.* (the report's metric, its ceiling and steps), instances.* (AJI, PQ and more), organs.*,
error_shares.* (what each kind of error costs), errors.* and comparisons.* (which of two rows is better), each as .csv,
.md, .tex and .html.
"""

import argparse

from nuclei.common.files import read_json
from nuclei.common.stage import run_stage, written_by
from nuclei.models.catalogue import choose_models, read_models
from nuclei.report.cells import by_cell, by_setting
from nuclei.report.instance_rows import TABLES, TITLES, all_rows, notes
from nuclei.report.leak_lines import add_option, leak_lines
from nuclei.report.table_files import write_table
from nuclei.scoring.board import read_board
from nuclei.scoring.comparison_types import ensemble_row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--scores",
        nargs="+",
        required=True,
        help="instance_scores.json of each cell, by setting, then model, then seed",
    )
    parser.add_argument(
        "--ensembles", nargs="*", default=[], help="names of the ensembles, in the order of their files"
    )
    parser.add_argument(
        "--ensemble-scores",
        nargs="*",
        default=[],
        help="instance_scores.json of each ensemble, by setting, then ensemble",
    )
    parser.add_argument("--comparisons", required=True, help="comparisons.json of the same cells")
    parser.add_argument("--board", required=True, help="board.tsv, the first places of the competition's board")
    parser.add_argument("--models-file", required=True, help="models.yaml, whose order is the order of the rows")
    parser.add_argument("--settings", nargs="+", type=int, required=True, help="settings, in the order of the files")
    parser.add_argument("--models", nargs="+", required=True, help="names of the models, in the order of the files")
    parser.add_argument("--seeds", nargs="+", type=int, required=True, help="seeds, in the order of the files")
    parser.add_argument("--data-note", default="", help="text of the first line under each table")
    add_option(parser)
    parser.add_argument("--out-dir", required=True, help="folder to write the tables to")
    args = parser.parse_args()
    entries, board = read_models(args.models_file), read_board(args.board)
    models = choose_models(entries, args.models, args.models_file)
    paths = by_setting(args.settings, args.models, args.seeds, args.scores, "--scores")
    comparisons = read_json(args.comparisons, "what compare_cells.py writes")
    files = {setting: by_cell(args.models, args.seeds, own, "--scores") for setting, own in paths.items()}
    found = {
        (setting, model): [read_json(own[model, seed], "what score_instances.py writes") for seed in args.seeds]
        for setting, own in files.items()
        for model in models
    }
    shares = by_setting(args.settings, args.ensembles, [0], args.ensemble_scores, "--ensemble-scores")
    found |= {
        (setting, ensemble_row(name)): [read_json(path, "what score_instances.py writes")]
        for setting, own in shares.items()
        for name, path in zip(args.ensembles, own, strict=True)
    }
    with written_by("score_instances.py or compare_cells.py", f"{args.scores[0]} or {args.comparisons}"):
        rows = all_rows(entries, found, comparisons, board)
        lines = notes(found, comparisons, args.data_note)
    leaks = leak_lines(args.leaks)
    for table in TABLES:
        shown, values = rows[table]
        write_table(shown, f"{args.out_dir}/{table}", TITLES[table], lines[table] + leaks, values)


if __name__ == "__main__":
    run_stage(main)
