"""The explored table: models that the report tried and dropped, in both settings; no published scores exist."""

import argparse

from nuclei.common.stage import run_stage
from nuclei.models.catalogue import choose_models, read_models
from nuclei.report.cells import read_cells
from nuclei.report.rows import full_notes, full_rows, notes, report_rows
from nuclei.report.table_files import write_table


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-dir", required=True, help="results/<run>")
    parser.add_argument("--settings", nargs="+", type=int, choices=[1, 2], required=True)
    parser.add_argument("--models-file", required=True, help="models.yaml; its order is the order of the rows")
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--seeds", nargs="+", type=int, required=True)
    parser.add_argument("--data-note", default="", help="first line under the table")
    parser.add_argument("--out-dir", required=True)
    args = parser.parse_args()
    entries = read_models(args.models_file)
    models = choose_models(entries, args.models, args.models_file)
    cells = {n: read_cells(args.run_dir, n, models, args.seeds, ("scores", "choice")) for n in args.settings}
    first = cells[args.settings[0]]
    title = "Explored: models that the report tried and dropped"
    for stem, title_of, rows_of, lines in (
        ("explored", title, lambda n: report_rows(n, entries, cells[n], None), notes(first, None, args.data_note)),
        (
            "explored_full",
            f"{title}; other scores",
            lambda n: full_rows(entries, cells[n]),
            full_notes(first, args.data_note),
        ),
    ):
        shown, values = [], []
        for setting in args.settings:
            for rows, target in zip(rows_of(setting), (shown, values), strict=True):
                target += [{**dict(list(row.items())[:4]), "setting": str(setting), **row} for row in rows]
        write_table(shown, f"{args.out_dir}/{stem}", title_of, lines, values)


if __name__ == "__main__":
    run_stage(main)
