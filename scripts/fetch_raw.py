"""Bring a part of the raw data into place: an archive (path or URL) is checked by its SHA-256 and unpacked safely.

The target folder is absent or complete at any time. A download that broke off goes on where it stopped.
"""

import argparse
import shutil
from pathlib import Path

from nuclei.archive import download, unpack
from nuclei.stage import InputError, run_stage, sha256


def find_part(folder, part):
    """The folder inside an unpacked archive that holds the data of a part; InputError where none does.

    dataset: the one with train/ and test_img_ids.json. test_masks: the one whose folders hold masks/.
    """
    candidates = [folder, *sorted(p for p in folder.rglob("*") if p.is_dir() and len(p.relative_to(folder).parts) <= 2)]
    for candidate in candidates:
        if part == "dataset" and (candidate / "train").is_dir() and (candidate / "test_img_ids.json").is_file():
            return candidate
        if part == "test_masks" and any(p.is_dir() for p in candidate.glob("*/masks")):
            return candidate
    wanted = {"dataset": "train/ and test_img_ids.json", "test_masks": "<id>/masks/"}[part]
    found = ", ".join(sorted(p.name for p in folder.iterdir())[:6]) or "nothing"
    raise InputError(f"archive: holds {found}, wanted a folder with {wanted}; name another archive")


def fetch(source, part, out, wanted=None):
    """Make the folder `out` from an archive; see the module. `wanted`: its SHA-256, required for a URL."""
    out = Path(out)
    beside = out.with_name(f".{out.name}.new")
    out.parent.mkdir(parents=True, exist_ok=True)
    remote = "://" in source
    if remote and not wanted:
        raise InputError(f"raw.{part}.path: {source} has no SHA-256, wanted one for a download; set raw.{part}.sha256")
    archive = Path(source)
    if remote:
        archive = out.with_name(f".{out.name}.part")
        download(source, archive)
    elif not archive.is_file():
        raise InputError(f"{source}: not found, wanted a folder, an archive or a URL; set raw.{part}.path")
    found = sha256(archive) if wanted else None
    if wanted and found != wanted:
        if remote:
            archive.unlink()
        raise InputError(f"{source}: SHA-256 is {found}, wanted {wanted}; check raw.{part}.sha256 and the archive")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        unpack(archive, beside)
        shutil.rmtree(out, ignore_errors=True)
        find_part(beside, part).rename(out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    if remote:
        archive.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="archive: a path or a URL")
    parser.add_argument("--sha256", help="of the archive; required for a URL")
    parser.add_argument("--part", choices=["dataset", "test_masks"], default="dataset")
    parser.add_argument("--out", required=True, help="folder that will hold train/ … or <id>/masks/ …")
    args = parser.parse_args()
    fetch(args.source, args.part, args.out, args.sha256)


if __name__ == "__main__":
    run_stage(main)
