"""Fetch a published COCO checkpoint once into a cache, check its hash, and keep its tensors alone.

The last 8 hex digits of a published file's name are the first 8 of its SHA-256. Only a file that fits is unpickled;
what is written holds nothing but tensors, which torch loads with weights_only=True.
"""

import argparse
from pathlib import Path

from nuclei.common.files import cache_folder
from nuclei.common.stage import InputError, run_stage
from nuclei.models.checkpoints import write_tensors
from nuclei.models.weight_files import check_hash, fetch


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--folder", help="take the file from here instead of the network")
    parser.add_argument(
        "--cache", default=str(cache_folder("weights")), help="folder of downloaded files (default: %(default)s)"
    )
    parser.add_argument("--out", required=True, help="checkpoint with tensors only")
    args = parser.parse_args()
    name = args.url.rsplit("/", 1)[1]
    path = Path(args.folder or args.cache) / name
    if not path.is_file():
        if args.folder:
            raise InputError(f"{path}: not found, wanted the published weights; put the file there")
        fetch(args.url, path)
    check_hash(path, str(path))
    import torch

    # safe: the hash was checked above; published files hold more than tensors in their meta data
    state = torch.load(path, map_location="cpu", weights_only=False)
    write_tensors(args.out, {"state_dict": state["state_dict"], "meta": {}})


if __name__ == "__main__":
    run_stage(main)
