"""One self-contained page: both tables, the data, what conversion loses, curves, overlays, where everything lies."""

import argparse

from nuclei.common.files import write_text
from nuclei.common.stage import run_stage
from nuclei.report.page import Parts, render


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-dir", required=True, help="results/<run>, named on the page")
    parser.add_argument("--title", required=True)
    parser.add_argument("--data-note", default="", help="shown at the top")
    parser.add_argument("--tables", nargs="*", default=[], help="HTML tables with the report's score")
    parser.add_argument("--full-tables", nargs="*", default=[], help="HTML tables with the other scores")
    parser.add_argument("--curves", nargs="*", default=[], help="figures of the trainings, PNG")
    parser.add_argument("--overlays", nargs="*", default=[], help="test images with nuclei, JPEG or PNG")
    parser.add_argument("--data", required=True, help="raw.md")
    parser.add_argument("--conversion", required=True, help="conversion_loss.md")
    parser.add_argument("--cells", required=True, help="cells.csv")
    parser.add_argument("--out", required=True, help="report.html")
    args = parser.parse_args()
    parts = Parts(args.tables, args.full_tables, args.curves, args.overlays, args.data, args.conversion, args.cells)
    write_text(args.out, render(args.run_dir, args.title, args.data_note, parts))


if __name__ == "__main__":
    run_stage(main)
