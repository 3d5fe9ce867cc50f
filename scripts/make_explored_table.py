"""Make the tables of the models that the report tried and dropped, in all settings of the run.

It reads scores.json and checkpoint.json of their cells, and models.yaml. It writes explored.* with the report's columns
and metric, and explored_full.* with the other scores, each as .csv, .md, .tex and .html. The report printed no numbers
of these models, so there are none to compare with.
"""

import argparse

from nuclei.common.stage import run_stage
from nuclei.models.catalogue import choose_models, read_models
from nuclei.report.cells import by_setting, check_same_images, read_cells
from nuclei.report.leak_lines import add_option, leak_lines
from nuclei.report.rows import full_notes, full_rows, notes, report_rows, with_setting
from nuclei.report.table_files import write_table

TITLE = "Explored: models that the report tried and dropped"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--scores", nargs="+", required=True, help="scores.json of each cell, by setting, then model, then seed"
    )
    parser.add_argument("--choices", nargs="+", required=True, help="checkpoint.json of each cell, in the same order")
    parser.add_argument("--trainings", nargs="+", required=True, help="training.json of each cell, in the same order")
    parser.add_argument("--models-file", required=True, help="models.yaml, whose order is the order of the rows")
    parser.add_argument(
        "--settings", nargs="+", type=int, choices=[1, 2], required=True, help="settings, in the order of the files"
    )
    parser.add_argument("--models", nargs="+", required=True, help="names of the models, in the order of the files")
    parser.add_argument("--seeds", nargs="+", type=int, required=True, help="seeds, in the order of the files")
    parser.add_argument("--data-note", default="", help="text of the first line under each table")
    add_option(parser)
    parser.add_argument("--out-dir", required=True, help="folder to write the tables to")
    args = parser.parse_args()
    entries = read_models(args.models_file)
    models = choose_models(entries, args.models, args.models_file)
    scores, choices, trainings = (
        by_setting(args.settings, args.models, args.seeds, getattr(args, name), f"--{name}")
        for name in ("scores", "choices", "trainings")
    )
    cells = {}
    for n in args.settings:
        found = read_cells(args.models, args.seeds, scores=scores[n], choice=choices[n], training=trainings[n])
        cells[n] = {model: found[model] for model in models}
    check_same_images(cell for of_models in cells.values() for of_seeds in of_models.values() for cell in of_seeds)
    first, leaks = cells[args.settings[0]], leak_lines(args.leaks)
    rows, values = with_setting({n: report_rows(n, entries, cells[n], None) for n in args.settings})
    write_table(rows, f"{args.out_dir}/explored", TITLE, notes(first, None, args.data_note) + leaks, values)
    rows, values = with_setting({n: full_rows(entries, cells[n]) for n in args.settings})
    stem, title = f"{args.out_dir}/explored_full", f"{TITLE}; other scores"
    write_table(rows, stem, title, full_notes(first, args.data_note) + leaks, values)


if __name__ == "__main__":
    run_stage(main)
