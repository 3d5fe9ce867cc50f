"""Raw data brought into place from an archive: a path or a URL."""

import re
import shutil
from pathlib import Path

from nuclei.common.archives import download, unpack
from nuclei.common.files import sha256
from nuclei.common.stage import InputError


def find_part(folder, part, source):
    """The folder inside an unpacked archive that holds the data of a part; InputError where none does.

    dataset: the one with train/ and test_img_ids.json. test_masks: the one whose folders hold masks/.
    """
    below = [path for pattern in ("*", "*/*") for path in folder.glob(pattern) if path.is_dir()]
    # one archive may hold both parts, and a copy of its folders by a system: right name first, then upper folders
    for candidate in [folder, *sorted(below, key=lambda path: (path.name != part, len(path.parts), path))]:
        if part == "dataset" and (candidate / "train").is_dir() and (candidate / "test_img_ids.json").is_file():
            return candidate
        if part == "test_masks" and any(path.is_dir() for path in candidate.glob("*/masks")):
            return candidate
    wanted = {"dataset": "train/ and test_img_ids.json", "test_masks": "<id>/masks/"}[part]
    found = ", ".join(sorted(p.name for p in folder.iterdir())[:6]) or "nothing"
    raise InputError(f"{source}: holds {found}, wanted a folder with {wanted}; name another archive")


def fetch(source, part, out, wanted=None):
    """Make the folder `out` from an archive; see the module. `wanted`: its SHA-256, required for a URL."""
    out = Path(out)
    beside = out.with_name(f".{out.name}.new")
    remote = "://" in source
    if remote and not wanted:
        raise InputError(f"raw.{part}.path: {source} has no SHA-256, wanted one for a download; set raw.{part}.sha256")
    if wanted and not re.fullmatch("[0-9a-fA-F]{64}", wanted):
        raise InputError(f"raw.{part}.sha256: {wanted} found, wanted 64 hex digits; correct it")
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise InputError(f"{out}: exists, wanted none; remove it or give another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    archive = Path(source)
    if remote:
        archive = out.with_name(f".{out.name}.{wanted[:12]}.part")  # of this archive only: an other's start is no use
        download(source, archive)
    elif not archive.is_file():
        found = "is no file" if archive.exists() else "not found"
        raise InputError(f"{source}: {found}, wanted an archive or a URL; set raw.{part}.path")
    found = sha256(archive) if wanted else None
    if wanted and found != wanted.lower():
        if remote:
            archive.unlink()
        raise InputError(f"{source}: SHA-256 is {found}, wanted {wanted}; check raw.{part}.sha256 and the archive")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        unpack(archive, beside)
        find_part(beside, part, source).rename(out)  # replaces an empty folder
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    if remote:
        archive.unlink()
