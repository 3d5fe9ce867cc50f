"""Raw data from an archive, which a path or a URL names, brought into its folder."""

import contextlib
import re
import shutil
from collections.abc import Iterator
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


@contextlib.contextmanager
def whole_archive(source: str, key: str, wanted: str | None, part_file: Path) -> Iterator[Path]:
    """Yield the path of an archive that is there and has the wanted hash; InputError where it has not.

    source: path or URL of the archive. key: of the config that gives it, such as raw.dataset, for the errors. wanted:
    SHA-256 as 64 hex digits, required for a URL. part_file: where a download is kept until the block succeeds; one that
    broke off goes on where it stopped.
    """
    remote = "://" in source
    if remote and not wanted:
        raise InputError(f"{key}.path: {source} has no SHA-256, wanted one for a download; set {key}.sha256")
    if wanted and not re.fullmatch("[0-9a-fA-F]{64}", wanted):
        raise InputError(f"{key}.sha256: {wanted} found, wanted 64 hex digits; correct it")
    archive = Path(source)
    if remote:
        archive = part_file
        download(source, archive)
    elif not archive.is_file():
        problem = "is no file" if archive.exists() else "not found"
        raise InputError(f"{source}: {problem}, wanted an archive or a URL; set {key}.path")
    found = sha256(archive) if wanted else None
    if wanted and found != wanted.lower():
        if remote:
            archive.unlink()
        raise InputError(f"{source}: SHA-256 is {found}, wanted {wanted}; check {key}.sha256 and the archive")
    yield archive
    if remote:
        archive.unlink()


def fetch(source: str, part: Part, out: Path | str, wanted: str | None = None) -> None:
    """Make the folder `out` from an archive. It is complete or not there at any time.

    source: path or URL of the archive. part: which part of the raw data to take from it. wanted: SHA-256 of the archive
    as 64 hex digits, required for a URL. A download that broke off goes on where it stopped. InputError where `out`
    exists, the archive is not found, damaged or not the wanted one, or holds no such part.
    """
    out = Path(out)
    beside = out.with_name(f".{out.name}.new")
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise InputError(f"{out}: exists, wanted none; remove it or give another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    # the hash in the name: the first part of another archive must not be continued
    part_file = out.with_name(f".{out.name}.{(wanted or '')[:12]}.part")
    with whole_archive(source, f"raw.{part}", wanted, part_file) as archive:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        try:
            unpack(archive, beside)
            find_part(beside, part, source).rename(out)  # replaces an empty folder
        finally:
            shutil.rmtree(beside, ignore_errors=True)


@contextlib.contextmanager
def unpacked(source: str, wanted: str | None, beside: Path, part: str) -> Iterator[Path]:
    """Yield the folder `source`, or a new folder `beside` into which the archive `source` is unpacked.

    source, wanted: as in fetch; part: of the config's section raw. InputError as in fetch.
    """
    if Path(source).is_dir():
        yield Path(source)
        return
    part_file = beside.parent.with_name(f".{part}.{(wanted or '')[:12]}.part")
    with whole_archive(source, f"raw.{part}", wanted, part_file) as archive:
        beside.mkdir()
        unpack(archive, beside)
        yield beside
