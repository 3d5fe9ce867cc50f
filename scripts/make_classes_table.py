"""Make the table of the classes: the scores of each cell, class by class.

It reads scores.json of every cell of a run with several classes. It writes classes.* (a row for each cell and class) as
CSV, Markdown, LaTeX and HTML.
"""

import argparse

from nuclei.common.stage import InputError, run_stage, written_by
from nuclei.models.catalogue import choose_models, model_columns, read_models
from nuclei.report.cells import by_setting, read_cells
from nuclei.report.table_files import NOT_SCORED, TableRow, write_table
from nuclei.report.titles import column
from nuclei.scoring.names import NAMES

TITLE = "Classes: the scores of each class"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--scores", nargs="+", required=True, help="scores.json of each cell, by setting, then model, then seed"
    )
    parser.add_argument("--models-file", required=True, help="models.yaml, whose order is the order of the rows")
    parser.add_argument("--settings", nargs="+", required=True, help="settings and folds, in the order of the files")
    parser.add_argument("--models", nargs="+", required=True, help="names of the models, in the order of the files")
    parser.add_argument("--seeds", nargs="+", type=int, required=True, help="seeds, in the order of the files")
    parser.add_argument("--data-note", default="", help="text of the first line under the table")
    parser.add_argument("--out-dir", required=True, help="folder to write the table to")
    args = parser.parse_args()
    entries = read_models(args.models_file)
    models = choose_models(entries, args.models, args.models_file)
    paths = by_setting(args.settings, args.models, args.seeds, args.scores, "--scores")
    rows: list[TableRow] = []
    for setting in args.settings:
        cells = read_cells(args.models, args.seeds, scores=paths[setting])
        for model in models:
            for seed, cell in zip(args.seeds, cells[model], strict=True):
                file = cell.files["scores"]
                with written_by("score_predictions.py", file):
                    if "classes" not in cell.scores:
                        raise InputError(f"{file}: lacks classes, wanted several; run score_predictions.py again")
                    for one in cell.scores["classes"]:
                        row: TableRow = {**model_columns(entries[model]), "setting": setting, "seed": seed}
                        row |= {"class": one["name"], "nuclei": one["nuclei"], "predictions": one["predictions"]}
                        found = {"mAP": one["ap50_100"], **{column(name): one[name] for name in NAMES}}
                        rows.append(row | {name: NOT_SCORED if v is None else v for name, v in found.items()})
    notes = [args.data_note] if args.data_note else []
    notes += [
        "mAP: COCO mask AP at IoU 0.50 (AP50) with at most 100 detections an image and class",
        f"{NOT_SCORED}: the test images hold no nucleus of the class",
        "the scores of a cell in the other tables are the means over the classes that its test images hold",
    ]
    write_table(rows, f"{args.out_dir}/classes", TITLE, notes)


if __name__ == "__main__":
    run_stage(main)
