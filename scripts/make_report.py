"""One self-contained page: both tables, the data, what conversion loses, curves, overlays, where everything lies."""

import argparse

from nuclei.common.files import write_text
from nuclei.common.stage import run_stage
from nuclei.report.page import render


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-dir", required=True, help="results/<run>")
    parser.add_argument("--title", required=True)
    parser.add_argument("--data-note", default="", help="shown at the top")
    parser.add_argument("--files", nargs="*", help="tables and figures to show (default: all in the folder)")
    parser.add_argument("--out", required=True, help="report.html")
    args = parser.parse_args()
    write_text(args.out, render(args.run_dir, args.title, args.data_note, args.files))


if __name__ == "__main__":
    run_stage(main)
