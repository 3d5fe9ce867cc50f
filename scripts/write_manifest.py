"""Write the manifest of a run, by which tools/verify_run.py checks the run's folder.

It reads every result of the run, training.json of each cell, and the whole resolved config. It writes manifest.json:
the SHA-256 and the size of every result, each cell's provenance, the config, the hashes of the raw data, the version of
the code, and the packages. Paths are relative to the run's folder and there is no time stamp, so that moving the folder
changes nothing.
"""

import argparse
import json
from pathlib import Path

from nuclei.common.files import write_json
from nuclei.common.stage import run_stage
from nuclei.workflow.manifest import manifest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", nargs="+", required=True, help="training.json of each cell")
    parser.add_argument(
        "--files", nargs="+", required=True, help="every result of the run: files, and folders with all that they hold"
    )
    parser.add_argument("--run-dir", required=True, help="the run's folder, results/<run>")
    parser.add_argument("--config", type=json.loads, required=True, help="the whole resolved config, as JSON")
    parser.add_argument(
        "--raw", type=json.loads, required=True, help="hash of each given part of the raw data, as JSON"
    )
    parser.add_argument(
        "--models", nargs="+", required=True, help="names of the models, in the order of the tables' rows"
    )
    parser.add_argument("--out", required=True, help="where to write manifest.json")
    args = parser.parse_args()
    write_json(args.out, manifest(Path(args.run_dir), args.config, args.raw, args.models, args.trainings, args.files))


if __name__ == "__main__":
    run_stage(main)
