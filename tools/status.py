"""Say how far runs are: each cell done, running (epoch, minutes left, host, job), waiting or failed, and why.

python tools/status.py [run ...]; without a name it shows every run that Snakemake has begun here. It reads files alone,
so it works while a run goes on, on a cluster's login node, and without any package. A run is named as it is or by its
folder, such as results/demo. The exit status is 0 where all runs are done, 1 where something is left to do, 2 where one
is not there or cannot be read; the others are shown all the same.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

import library  # noqa: F401 - lets the library be found
from nuclei.common.stage import InputError, run_stage
from nuclei.report.run_status import run_status
from nuclei.report.status_text import page
from nuclei.workflow.run_record import RECORD


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", metavar="run", help="names of runs (default: all that have a record)")
    args = parser.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever reads by `head` has read enough
    os.chdir(Path(__file__).resolve().parents[1])
    runs = args.runs or sorted(path.parent.name for path in Path("work").glob(f"*/{RECORD}"))
    if not runs:
        raise InputError("work: holds no run, wanted one that Snakemake began; start one, or name one in results/")
    finished, unknown = True, False
    for run in runs:
        try:
            status = run_status(Path(run).name)
        except (InputError, OSError) as error:
            unknown = True
            print(f"error: {error}", file=sys.stderr)
        else:
            finished = finished and status.finished
            print(page(status), flush=True)
    sys.exit(2 if unknown else 0 if finished else 1)


if __name__ == "__main__":
    run_stage(main)
