"""Fetch a published COCO checkpoint once into a cache, check its hash, and keep its tensors alone.

The last 8 hex digits of a published file's name are the first 8 of its SHA-256. Only a file that fits is unpickled;
what is written holds nothing but tensors, which torch loads with weights_only=True.
"""

import argparse
import os
import re
from pathlib import Path

from nuclei.common.archives import download
from nuclei.common.stage import InputError, run_stage, sha256
from nuclei.models.checkpoints import write_tensors


def default_cache():
    """Cache folder of this user: $XDG_CACHE_HOME or ~/.cache, below it nuclei/weights."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nuclei" / "weights"


def check_hash(path, source):
    """Raise InputError unless the file's SHA-256 starts with the digits that end the source's name …-xxxxxxxx.pth."""
    wanted = re.search(r"-([0-9a-f]{8})\.pth$", source).group(1)
    found = sha256(path)
    if not found.startswith(wanted):
        raise InputError(f"{source}: SHA-256 is {found}, wanted {wanted}…; delete the file or name another source")


def fetch(url, path):
    """Download a published file to `path`; it appears there only whole and with the right hash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    download(
        url,
        part,
        "the published weights; check the network, or put the file into a folder and name it in weights_folder",
    )
    try:
        check_hash(part, url)
    except InputError:
        part.unlink()
        raise
    part.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--folder", help="take the file from here instead of the network")
    parser.add_argument(
        "--cache", default=str(default_cache()), help="folder of downloaded files (default: %(default)s)"
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
