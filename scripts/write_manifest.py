"""manifest.json of a run: every result's SHA-256, each cell's provenance, config, code version, data, environment.

Paths are relative to the run folder and there is no time stamp of its own: moving the folder changes nothing.
`tools/verify_run.py` checks a folder against it.
"""

import argparse
import json
from pathlib import Path

from nuclei.common.files import write_json
from nuclei.common.stage import run_stage
from nuclei.workflow.manifest import manifest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run-dir", required=True, help="results/<run>")
    parser.add_argument("--config", type=json.loads, required=True, help="the whole resolved config, as JSON")
    parser.add_argument("--raw", type=json.loads, required=True, help="hash of each given part of the raw data, JSON")
    parser.add_argument("--models", nargs="+", required=True, help="in the order of the tables' rows")
    parser.add_argument("--trainings", nargs="+", required=True, help="training.json of each cell")
    parser.add_argument("--files", nargs="+", required=True, help="every result, files and folders")
    parser.add_argument("--out", required=True, help="manifest.json")
    args = parser.parse_args()
    write_json(args.out, manifest(Path(args.run_dir), args.config, args.raw, args.models, args.trainings, args.files))


if __name__ == "__main__":
    run_stage(main)
