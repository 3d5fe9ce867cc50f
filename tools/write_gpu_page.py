"""Write docs/gpu.md, what was measured on GPUs, from the records of checks and benches (tests/gpu/records.py).

A record belongs to the card of the last record of kind `card` before it. What was recorded on a CPU, or by a trial of
small size, is left out. What stays is kept in docs/gpu.jsonl, where a new check of a card replaces an older one.
With --cards the measured speeds of training go into the card's row of cards.yaml too.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import gpu_cards
import library  # noqa: F401 - lets the library be found
from gpu_tables import Record, Runs, page
from nuclei.common.files import write_text
from nuclei.common.stage import InputError, run_stage


def parsed(path: Path) -> list[Record]:
    """The records of a file. A last line that a kill has cut off is left out; InputError for any other wrong line."""
    lines = path.read_text(encoding="utf-8").split("\n")
    found = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line) if line.strip() else None
        except json.JSONDecodeError:
            if number == len(lines):
                print(f"warning: {path}: line {number} is cut off; left out", file=sys.stderr)
                continue
            raise InputError(f"{path}: line {number} is no JSON, wanted a record; remove the line") from None
        if row is not None and not (isinstance(row, dict) and isinstance(row.get("kind"), str)):
            raise InputError(f"{path}: line {number} has no kind, wanted a record; remove the line")
        found += [row] if row else []
    return found


def on_a_card(record: Record, card: Record) -> bool:
    """Whether a record was measured on the card, as far as it says: not on a CPU, on no other, at full size."""
    device = str(record.get("device") or card["name"])
    return (device.startswith("cuda") or device == card["name"]) and not record.get("small")


def runs_of(records: list[Record]) -> tuple[Runs, int]:
    """Records by the card that they were measured on, and how many belong to none."""
    runs: Runs = {}
    card, left = None, 0
    for record in records:
        if record["kind"] == "card":
            card = record if record.get("capability") and record.get("name") else None
        if card is None or not on_a_card(record, card):
            left += 1
        elif record is card:
            runs[card["name"]] = [card]
        else:
            runs[card["name"]].append(record)
    return runs, left


def read(paths: list[Path]) -> Runs:
    """The records of several files by card; a later file's replace an earlier one's."""
    runs: Runs = {}
    for path in paths:
        found, left = runs_of(parsed(path))
        if left:
            print(f"{path}: {left} records of a CPU, of small size or of no card, left out", file=sys.stderr)
        runs.update(found)
    return runs


def main() -> None:
    usual = Path(os.environ.get("NUCLEI_GPU_RECORDS", "work/gpu/records.jsonl"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--records", nargs="+", type=Path, default=[usual] if usual.is_file() else [], help=f"default: {usual}"
    )
    parser.add_argument("--kept", type=Path, default="docs/gpu.jsonl", help="records of cards that the page shows")
    parser.add_argument("--page", type=Path, default="docs/gpu.md")
    parser.add_argument("--cards", type=Path, help="cards.yaml, to write measured speeds into")
    parser.add_argument("--schema", type=Path, default="config/schema.yaml", help="that cards.yaml must fit")
    args = parser.parse_args()
    new = read(args.records)
    runs = (read([args.kept]) if args.kept.is_file() else {}) | new
    if new:
        write_text(args.kept, "".join(json.dumps(record) + "\n" for run in runs.values() for record in run))
    write_text(args.page, page(runs))
    if args.cards:
        gpu_cards.write(args.cards, args.schema, runs)
    print(args.page)


if __name__ == "__main__":
    run_stage(main)
