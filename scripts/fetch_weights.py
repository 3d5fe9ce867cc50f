"""Fetch a model's published COCO weights once, check their hash, and keep their tensors alone.

It reads the published file from a folder, from the cache or from its URL. It writes a checkpoint that holds nothing but
tensors, so that torch can load it with weights_only=True. The last 8 hex digits of a published file's name are the
first 8 of its SHA-256, by which the file is checked. Unpickling can run code, so a file that holds more than tensors
and numbers is read only where its whole SHA-256 is given, by --sha256.
"""

import argparse
import re
from pathlib import Path

from nuclei.common.files import cache_folder
from nuclei.common.stage import InputError, run_stage
from nuclei.models.checkpoints import write_tensors
from nuclei.models.weight_files import check_hash, fetch, published_digits, read_published


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--url", required=True, help="address of the published file, whose name ends in the start of its SHA-256"
    )
    parser.add_argument("--sha256", help="the file's whole SHA-256, 64 hex digits, where it is known")
    parser.add_argument("--folder", help="folder to take the file from instead of the network")
    parser.add_argument(
        "--cache",
        default=str(cache_folder("weights")),
        help="folder that keeps downloaded files (default: %(default)s)",
    )
    parser.add_argument("--out", required=True, help="where to write the checkpoint with tensors alone")
    args = parser.parse_args()
    if args.sha256 and not re.fullmatch("[0-9a-f]{64}", args.sha256):
        raise InputError(f"--sha256: {args.sha256} found, wanted 64 of the digits 0 to 9 and a to f; correct it")
    published_digits(args.url)
    path = Path(args.folder or args.cache) / args.url.rpartition("/")[2]
    if not path.is_file():
        if args.folder:
            raise InputError(f"{path}: not found, wanted the published weights; put the file there")
        fetch(args.url, path, args.sha256)
    check_hash(path, str(path), args.sha256)
    write_tensors(args.out, {"state_dict": read_published(path, args.sha256), "meta": {}})


if __name__ == "__main__":
    run_stage(main)
