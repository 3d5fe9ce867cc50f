"""Files of published COCO weights: fetched once into a cache and checked by their hash."""

import re

from nuclei.common.archives import download
from nuclei.common.files import sha256
from nuclei.common.stage import InputError


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
