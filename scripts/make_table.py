"""Table 1 or 2 of a run: the report's columns and metric; in a file of its own, the scores that its metric hides."""

import argparse

from nuclei.common.stage import run_stage
from nuclei.models.catalogue import choose_models, read_models
from nuclei.report.cells import read_cells
from nuclei.report.rows import full_notes, full_rows, notes, report_rows
from nuclei.report.table_files import write_table
from nuclei.report.titles import SETTINGS
from nuclei.scoring.published import read_published


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--setting", type=int, choices=[1, 2], required=True)
    parser.add_argument("--models-file", required=True, help="models.yaml; its order is the order of the rows")
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--seeds", nargs="+", type=int, required=True)
    parser.add_argument("--scores", nargs="+", required=True, help="scores.json, model by model and then seed by seed")
    parser.add_argument("--choices", nargs="+", required=True, help="checkpoint.json, in the same order")
    parser.add_argument("--published", help="published.tsv: adds published epoch, mAP and the difference")
    parser.add_argument("--data-note", default="", help="first line under each table")
    parser.add_argument("--out-dir", required=True)
    args = parser.parse_args()
    entries = read_models(args.models_file)
    models = choose_models(entries, args.models, args.models_file)
    found = read_cells(args.models, args.seeds, scores=args.scores, choice=args.choices)
    cells = {model: found[model] for model in models}
    published = read_published(args.published) if args.published else None
    title = f"Table {args.setting}: {SETTINGS[args.setting]}"
    rows, values = report_rows(args.setting, entries, cells, published)
    stem = f"{args.out_dir}/table{args.setting}"
    write_table(rows, stem, title, notes(cells, published, args.data_note), values)
    rows, values = full_rows(entries, cells)
    write_table(rows, f"{stem}_full", f"{title}; other scores", full_notes(cells, args.data_note), values)


if __name__ == "__main__":
    run_stage(main)
