"""Make Table 1 or 2 of the report for one run, and a second table with the scores that the report does not show.

It reads scores.json and checkpoint.json of the setting's cells, models.yaml, and published.tsv where the report's own
numbers are to be compared. It writes table<setting>.* with the report's columns and metric, and table<setting>_full.*
with the other scores, each as .csv, .md, .tex and .html.
"""

import argparse

from nuclei.common.stage import run_stage, written_by
from nuclei.models.catalogue import choose_models, read_models
from nuclei.report.cells import read_cells
from nuclei.report.leak_lines import add_option, leak_lines
from nuclei.report.rows import full_notes, full_rows, notes, report_rows
from nuclei.report.steps import NOTE, marked_models
from nuclei.report.table_files import write_table
from nuclei.report.titles import SETTINGS
from nuclei.scoring.published import read_published


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--scores", nargs="+", required=True, help="scores.json of each cell, model by model and then seed by seed"
    )
    parser.add_argument("--choices", nargs="+", required=True, help="checkpoint.json of each cell, in the same order")
    parser.add_argument("--trainings", nargs="+", required=True, help="training.json of each cell, in the same order")
    parser.add_argument("--models-file", required=True, help="models.yaml, whose order is the order of the rows")
    parser.add_argument(
        "--published", help="published.tsv, which adds the published epoch, the published mAP and the difference"
    )
    parser.add_argument(
        "--setting", type=int, choices=[1, 2], required=True, help="the setting, which is the number of the table, too"
    )
    parser.add_argument("--models", nargs="+", required=True, help="names of the models, in the order of the files")
    parser.add_argument("--seeds", nargs="+", type=int, required=True, help="seeds, in the order of the files")
    parser.add_argument("--comparisons", help="comparisons.json, by whose intervals cells near a step are marked")
    parser.add_argument("--data-note", default="", help="text of the first line under each table")
    add_option(parser)
    parser.add_argument("--out-dir", required=True, help="folder to write the tables to")
    args = parser.parse_args()
    entries = read_models(args.models_file)
    models = choose_models(entries, args.models, args.models_file)
    found = read_cells(args.models, args.seeds, scores=args.scores, choice=args.choices, training=args.trainings)
    cells = {model: found[model] for model in models}
    published = read_published(args.published) if args.published else None
    leaks = leak_lines(args.leaks)
    choice = cells[models[0]][0]
    with written_by("select_checkpoint.py", choice.files["choice"]):
        title = f"Table {args.setting}: {SETTINGS[choice.choice['policy']][args.setting]}"
    near_step = marked_models(args.comparisons, args.setting) & set(models)
    rows, values = report_rows(args.setting, entries, cells, published, near_step)
    stem = f"{args.out_dir}/table{args.setting}"
    write_table(
        rows, stem, title, notes(cells, published, args.data_note) + ([NOTE] if near_step else []) + leaks, values
    )
    rows, values = full_rows(entries, cells)
    write_table(rows, f"{stem}_full", f"{title}; other scores", full_notes(cells, args.data_note) + leaks, values)


if __name__ == "__main__":
    run_stage(main)
