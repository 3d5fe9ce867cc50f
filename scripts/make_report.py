"""Make the report page: one HTML file that needs no other file.

It reads the tables (HTML), the figures (PNG, JPEG), the summaries of the data and of what conversion loses (Markdown),
and cells.csv. It writes report.html with all of them. It stops with an error that names every file that is missing.
"""

import argparse

from nuclei.common.files import write_text
from nuclei.common.stage import run_stage
from nuclei.report.page import Parts, render


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="*", default=[], help="HTML tables with the report's score")
    parser.add_argument("--full-tables", nargs="*", default=[], help="HTML tables with the other scores")
    parser.add_argument("--curves", nargs="*", default=[], help="figures of the training curves, PNG")
    parser.add_argument(
        "--overlays", nargs="*", default=[], help="pictures of the test images with nuclei, JPEG or PNG"
    )
    parser.add_argument("--data", required=True, help="raw.md, the summary of the raw data")
    parser.add_argument("--conversion", required=True, help="conversion_loss.md, the summary of what conversion loses")
    parser.add_argument("--cells", required=True, help="cells.csv, the list of all cells")
    parser.add_argument("--run-dir", required=True, help="the run's folder, results/<run>, which is named on the page")
    parser.add_argument("--title", required=True, help="title of the page")
    parser.add_argument("--data-note", default="", help="note at the top of the page")
    parser.add_argument("--out", required=True, help="where to write report.html")
    args = parser.parse_args()
    parts = Parts(args.tables, args.full_tables, args.curves, args.overlays, args.data, args.conversion, args.cells)
    write_text(args.out, render(args.run_dir, args.title, args.data_note, parts))


if __name__ == "__main__":
    run_stage(main)
