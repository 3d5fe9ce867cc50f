"""Bring one part of the raw data into place from an archive.

It reads an archive (tar or zip) from a path or a URL and compares its SHA-256 with the given one. It writes the folder
of that part, which is absent or complete at any time. A download that broke off goes on where it stopped, and nothing
in the archive can be written outside of the folder.
"""

import argparse

from nuclei.common.stage import run_stage
from nuclei.data.made_folder import mark_made
from nuclei.data.raw_sources import fetch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="the archive: a path or a URL")
    parser.add_argument("--sha256", help="SHA-256 of the archive, which a URL must have")
    parser.add_argument(
        "--part", choices=["dataset", "test_masks"], default="dataset", help="the part of the raw data that it holds"
    )
    parser.add_argument(
        "--out", required=True, help="folder to write, which will hold train/ and so on, or <id>/masks/"
    )
    args = parser.parse_args()
    fetch(args.source, args.part, args.out, args.sha256)
    mark_made(args.out)


if __name__ == "__main__":
    run_stage(main)
