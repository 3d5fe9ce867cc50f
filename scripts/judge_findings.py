"""Judge the report's findings by this run's comparisons and by those of the published submissions.

It reads comparisons.json of the run and, where there are any, that of the published submissions and
epoch_correlations.json. It writes findings.* (.csv, .md, .tex, .html): for each finding and score whether it holds,
does not hold or cannot be told, and the numbers.
"""

import argparse

from nuclei.common.files import read_json
from nuclei.common.stage import run_stage, written_by
from nuclei.report.finding_rows import PUBLISHED, RUN, TITLE, finding_rows, notes
from nuclei.report.table_files import write_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comparisons", required=True, help="comparisons.json of the run")
    parser.add_argument("--published", help="comparisons.json of the published submissions")
    parser.add_argument("--correlations", help="epoch_correlations.json of the run")
    parser.add_argument("--data-note", default="", help="text of the first line under the table")
    parser.add_argument("--out-dir", required=True, help="folder to write findings.* to")
    args = parser.parse_args()
    paths = {RUN: args.comparisons, PUBLISHED: args.published}
    sources = {
        name: read_json(path, "what compare_cells.py or compare_published.py writes")
        for name, path in paths.items()
        if path
    }
    correlations = read_json(args.correlations, "what compare_epochs.py writes") if args.correlations else None
    with written_by("compare_cells.py, compare_published.py or compare_epochs.py", args.comparisons):
        rows = finding_rows(sources, correlations)
        lines = notes(sources, args.data_note)
    write_table(rows, f"{args.out_dir}/findings", TITLE, lines)


if __name__ == "__main__":
    run_stage(main)
