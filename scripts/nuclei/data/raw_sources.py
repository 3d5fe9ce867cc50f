"""Raw data from an archive, which a path or a URL names, brought into its folder."""

import re
import shutil
from pathlib import Path
from typing import Literal

from nuclei.common.archives import download, unpack
from nuclei.common.files import sha256
from nuclei.common.stage import InputError

Part = Literal["dataset", "test_masks"]


def find_part(folder: Path, part: Part, source: str) -> Path:
    """The folder inside an unpacked archive that holds a part of the raw data; InputError where there is none.

    folder: what the archive was unpacked into. part: dataset is the folder with train/ and test_img_ids.json,
    test_masks the one whose folders hold masks/. source: the archive, as the error names it.
    """
    below = [path for pattern in ("*", "*/*") for path in folder.glob(pattern) if path.is_dir()]
    # An archive may hold both parts, and copies of its folders that a system added, such as __MACOSX. So the folder
    # with the right name comes first, then those with the shortest path.
    for candidate in [folder, *sorted(below, key=lambda path: (path.name != part, len(path.parts), path))]:
        if part == "dataset" and (candidate / "train").is_dir() and (candidate / "test_img_ids.json").is_file():
            return candidate
        if part == "test_masks" and any(path.is_dir() for path in candidate.glob("*/masks")):
            return candidate
    wanted = {"dataset": "train/ and test_img_ids.json", "test_masks": "<id>/masks/"}[part]
    found = ", ".join(sorted(p.name for p in folder.iterdir())[:6]) or "nothing"
    raise InputError(f"{source}: holds {found}, wanted a folder with {wanted}; name another archive")


def fetch(source: str, part: Part, out: Path | str, wanted: str | None = None) -> None:
    """Make the folder `out` from an archive. It is complete or not there at any time.

    source: path or URL of the archive. part: which part of the raw data to take from it. wanted: SHA-256 of the archive
    as 64 hex digits, required for a URL. A download that broke off goes on where it stopped. InputError where `out`
    exists, the archive is not found, damaged or not the wanted one, or holds no such part.
    """
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
    if remote and wanted:  # a URL never comes without a hash, see above
        # the hash in the name: the first part of another archive must not be continued
        archive = out.with_name(f".{out.name}.{wanted[:12]}.part")
        download(source, archive)
    elif not archive.is_file():
        problem = "is no file" if archive.exists() else "not found"
        raise InputError(f"{source}: {problem}, wanted an archive or a URL; set raw.{part}.path")
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
