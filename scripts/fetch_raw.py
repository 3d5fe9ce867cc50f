"""Bring a part of the raw data into place: an archive (path or URL) is checked by its SHA-256 and unpacked safely.

The target folder is absent or complete at any time. A download that broke off goes on where it stopped.
"""

import argparse

from nuclei.common.stage import run_stage
from nuclei.data.raw_content import mark_made
from nuclei.data.raw_sources import fetch


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="archive: a path or a URL")
    parser.add_argument("--sha256", help="of the archive; required for a URL")
    parser.add_argument("--part", choices=["dataset", "test_masks"], default="dataset")
    parser.add_argument("--out", required=True, help="folder that will hold train/ … or <id>/masks/ …")
    args = parser.parse_args()
    fetch(args.source, args.part, args.out, args.sha256)
    mark_made(args.out)


if __name__ == "__main__":
    run_stage(main)
