"""Fetch a model's published COCO weights once, check their hash, and keep their tensors alone.

It reads the published file from a folder, from the cache or from its URL. It writes a checkpoint that holds nothing but
tensors, so that torch can load it with weights_only=True. The last 8 hex digits of a published file's name are the
first 8 of its SHA-256; only a file with this hash is unpickled, because unpickling can run code.
"""

import argparse
from pathlib import Path

from nuclei.common.files import cache_folder
from nuclei.common.stage import InputError, run_stage
from nuclei.models.checkpoints import write_tensors
from nuclei.models.weight_files import check_hash, fetch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--url", required=True, help="address of the published file, whose name ends in the start of its SHA-256"
    )
    parser.add_argument("--folder", help="folder to take the file from instead of the network")
    parser.add_argument(
        "--cache",
        default=str(cache_folder("weights")),
        help="folder that keeps downloaded files (default: %(default)s)",
    )
    parser.add_argument("--out", required=True, help="where to write the checkpoint with tensors alone")
    args = parser.parse_args()
    name = args.url.rsplit("/", 1)[1]
    path = Path(args.folder or args.cache) / name
    if not path.is_file():
        if args.folder:
            raise InputError(f"{path}: not found, wanted the published weights; put the file there")
        fetch(args.url, path)
    check_hash(path, str(path))
    import torch

    # This is safe, because the hash was checked above; the meta data of published files hold more than tensors.
    state = torch.load(path, map_location="cpu", weights_only=False)
    write_tensors(args.out, {"state_dict": state["state_dict"], "meta": {}})


if __name__ == "__main__":
    run_stage(main)
