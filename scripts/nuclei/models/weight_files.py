"""Files of published COCO weights: fetched once into a cache, and checked by their hash."""

import re
from pathlib import Path

from nuclei.common.archives import download
from nuclei.common.files import sha256
from nuclei.common.stage import InputError


def check_hash(path: Path | str, source: str) -> None:
    """Check a file by the 8 hex digits at the end of its published name, …-xxxxxxxx.pth: its SHA-256 starts with them.

    source: path or URL with the published name. InputError where the file has another SHA-256.
    """
    # config/schema.yaml accepts only names of this form
    wanted = re.findall(r"-([0-9a-f]{8})\.pth$", source)[0]
    found = sha256(path)
    if not found.startswith(wanted):
        raise InputError(f"{source}: SHA-256 is {found}, wanted {wanted}…; delete the file or name another source")


def fetch(url: str, path: Path) -> None:
    """Download a published file to `path`, where it appears only when it is complete and has the right hash.

    InputError where it cannot be downloaded or is not the wanted file.
    """
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
