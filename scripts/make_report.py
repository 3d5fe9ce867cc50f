"""Make the report page: one HTML file that needs no other file.

It reads the tables (HTML and CSV), the figures (SVG, PNG, JPEG), the comparisons, the test images with their true
nuclei (COCO JSON), the files of every cell, and the summaries of the data and of what conversion loses (Markdown). It
writes report.html with all of them. It stops with an error that names every file that is missing.
"""

import argparse

from nuclei.common.files import write_text
from nuclei.common.stage import run_stage
from nuclei.report.page import render
from nuclei.report.page_parts import Cells, Parts

CELL_FILES = {
    "configs": "config.py of each cell, by setting, then model, then seed",
    "trainings": "training.json of each cell",
    "choices": "checkpoint.json of each cell",
    "epochs": "epochs.tsv of each cell",
    "logs": "log.jsonl of each cell",
    "scores": "scores.json of each cell",
    "predictions": "predictions.json of each cell of the first seed, by setting, then model",
    "ensembles": "names of the ensembles, in the order of their files",
    "ensemble_scores": "scores.json of each ensemble, by setting, then ensemble",
    "ensemble_predictions": "predictions.json of each ensemble",
    "ensemble_errors": "errors.csv of each ensemble, where cells have theirs",
    "errors": "errors.csv of the same cells; none: only which of the 100 surest detections match is shown",
}


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = found.add_argument
    add("--tables", nargs="*", default=[], help="HTML tables with the report's score")
    add("--values", nargs="*", default=[], help="the same tables as CSV")
    add("--full-tables", nargs="*", default=[], help="HTML tables with the other scores")
    add("--full-values", nargs="*", default=[], help="the same tables as CSV")
    add("--figures", nargs="*", default=[], help="figures, SVG, PNG or JPEG, in the order of the page")
    add("--data", required=True, help="raw.md, the summary of the raw data")
    add("--conversion", required=True, help="conversion_loss.md, the summary of what conversion loses")
    add("--table-of-cells", required=True, help="cells.csv, the list of all cells")
    add("--comparisons", help="comparisons.json, for intervals")
    add("--test-images", required=True, help="folder of the test images")
    add("--ground-truth", required=True, help="COCO JSON of the test images with their true nuclei, if known")
    add("--settings", nargs="*", type=int, default=[], help="settings, in the order of the files")
    add("--models", nargs="*", default=[], help="names of the models of the tables, in the order of the files")
    add("--explored", nargs="*", default=[], help="names of the models beside them, whose files come after theirs")
    add("--seeds", nargs="*", type=int, default=[], help="seeds, in the order of the files")
    for name, text in CELL_FILES.items():
        add(f"--{name.replace('_', '-')}", nargs="*", default=[], help=text)
    add("--run-dir", required=True, help="the run's folder, results/<run>, which is named on the page")
    add("--title", required=True, help="title of the page")
    add("--data-note", default="", help="note at the top of the page")
    add("--out", required=True, help="where to write report.html")
    return found


def main() -> None:
    args = parser().parse_args()
    files = {name: getattr(args, name) for name in CELL_FILES}
    parts = Parts(
        tables=args.tables,
        values=args.values,
        full_tables=args.full_tables,
        full_values=args.full_values,
        figures=args.figures,
        data=args.data,
        conversion=args.conversion,
        table_of_cells=args.table_of_cells,
        test_images=args.test_images,
        ground_truth=args.ground_truth,
        comparisons=args.comparisons,
        cells=Cells(args.settings, args.models, args.explored, args.seeds, **files),
    )
    write_text(args.out, render(args.run_dir, args.title, args.data_note, parts))


if __name__ == "__main__":
    run_stage(main)
