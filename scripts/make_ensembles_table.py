"""Make the table of the ensembles, in all settings of the run.

It reads scores.json of each ensemble, and checkpoint.json of the cells that were fused. It writes ensembles.csv, .md,
.tex and .html: for each ensemble its members, their chosen epochs, and its scores.
"""

import argparse
import json

from nuclei.common.stage import run_stage
from nuclei.report.cells import check_same_images
from nuclei.report.ensembles import read_ensembles, rows
from nuclei.report.leak_lines import add_option, leak_lines
from nuclei.report.rows import scored_on
from nuclei.report.table_files import write_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--scores", nargs="+", required=True, help="scores.json of each ensemble, by setting and then ensemble"
    )
    parser.add_argument(
        "--choices",
        nargs="+",
        required=True,
        help="checkpoint.json of each member, by setting, then ensemble, then member",
    )
    parser.add_argument(
        "--settings", nargs="+", type=int, choices=[1, 2], required=True, help="settings, in the order of the files"
    )
    parser.add_argument(
        "--ensembles",
        type=json.loads,
        required=True,
        help='members of each ensemble as JSON: {"name": ["model/seed0", …], …}',
    )
    parser.add_argument("--data-note", default="", help="text of the first line under the table")
    add_option(parser)
    parser.add_argument("--out-dir", required=True, help="folder to write the table to")
    args = parser.parse_args()
    found = read_ensembles(args.settings, args.ensembles, args.scores, args.choices)
    check_same_images(found)
    shown, values = rows(found)
    notes = [args.data_note] if args.data_note else []
    notes += ["predictions of the members, fused: mean score, mean mask of what they agree on (mask IoU 0.5)"]
    notes += ["mAP: AP50 @100", scored_on(found[0].scores)]
    write_table(shown, f"{args.out_dir}/ensembles", "Ensembles", notes + leak_lines(args.leaks), values)


if __name__ == "__main__":
    run_stage(main)
