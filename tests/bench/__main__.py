"""Measure how fast the pipeline is beside its alternatives, in one run, and print one table (make bench)."""

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

from tabulate import tabulate

from bench.material import gather
from bench.rows import WrongResult

PARTS = ("conversion", "readers", "scoring", "inference", "training", "orchestration", "export", "slides")
COLUMNS = ["what; beside", "ours", "beside", "ratio", "goal", "note"]


def table(rows):
    """The table as text (Markdown)."""
    return tabulate([row.cells() for row in rows], COLUMNS, tablefmt="github", disable_numparse=True)


def main():
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the longer measurements: all masks, the whole demo")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--out", type=Path, help="write the table to this file too")
    args = parser.parse_args()
    found, start = [], time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        material = gather(scratch)
        print(f"bench: {material}", file=sys.stderr, flush=True)
        for part in args.parts:
            try:
                for row in importlib.import_module(f"bench.{part}").rows(material, args.full):
                    print("bench:", " | ".join(filter(None, row.cells())), file=sys.stderr, flush=True)
                    found.append(row)
            except WrongResult as error:
                sys.exit(f"error: bench: {part}: {error}")
    text = f"{table(found)}\n\nOn {material}; {time.monotonic() - start:.0f} s in all."
    print(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
