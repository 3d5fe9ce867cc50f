"""The files of a model bundle (nuclei/prediction/bundles.py), fetched, unpacked, and compared with their hashes."""

import contextlib
import shutil
import tempfile
import zipfile
from pathlib import Path

from nuclei.common.archives import DAMAGE, download, unpack
from nuclei.common.files import read_json, sha256, whole_file
from nuclei.common.stage import InputError

FORMAT = 1
OWN = ("config.py", "weights.pth", "README.md")


def fetched(source: str, cache: Path) -> Path:
    """The bundle of a path, or of a URL that ends in #sha256=<64 hex digits>; downloaded once into `cache`."""
    if "://" not in source:
        return Path(source)
    url, _, digits = source.partition("#sha256=")
    if len(digits) != 64:
        raise InputError(f"{source}: a URL without #sha256=<64 hex digits> found, wanted both; `make bundle` says them")
    path = cache / f"{digits}.zip"
    if not path.is_file():
        with whole_file(path) as part:  # other jobs may download it at the same time
            download(url, part, "the model bundle; check the address and the network")
            if (found := sha256(part)) != digits:
                raise InputError(f"{url}: SHA-256 is {found}, wanted {digits}; do not use it, or correct the hash")
    return path


def unpacked(bundle: Path, cache: Path) -> Path:
    """The folder of an unpacked bundle in `cache`; its files were compared with the hashes in bundle.json."""
    try:
        folder = cache / sha256(bundle)
    except OSError as error:
        raise InputError(
            f"{bundle}: cannot be read ({error.strerror}), wanted a model bundle; check the path"
        ) from None
    if not zipfile.is_zipfile(bundle):
        raise InputError(f"{bundle}: no zip file, wanted a model bundle; `make bundle` makes one")
    with contextlib.suppress(InputError):
        check_files(folder, bundle)
        return folder
    shutil.rmtree(folder, ignore_errors=True)  # damaged since it was unpacked
    cache.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=cache))  # other jobs may unpack it at the same time
    try:
        unpack(bundle, new)
        check_files(new, bundle)
        new.rename(folder)
    except (*DAMAGE, OSError) as error:
        if isinstance(error, InputError):
            raise
        if not folder.is_dir():  # else another process was faster
            raise InputError(f"{bundle}: damaged ({str(error)[:80]}), wanted a model bundle; copy it again") from None
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return folder


def check_files(folder: Path, bundle: Path) -> None:
    """Compare an unpacked bundle with its bundle.json. InputError names each file that differs, lacks or is extra."""
    content = read_json(folder / "bundle.json", "a model bundle") if (folder / "bundle.json").is_file() else {}
    files = content.get("files") if isinstance(content, dict) else None
    if not isinstance(files, dict) or content.get("format") != FORMAT or set(OWN) - set(files):
        raise InputError(
            f"{bundle}: no bundle.json of format {FORMAT} with all files, wanted a model bundle; make it anew"
        )
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()} - {"bundle.json"}
    problems = [
        f"{bundle}: {name} {'is missing' if name in files else 'is not named by bundle.json'}; make the bundle anew"
        for name in sorted(there ^ set(files))
    ]
    problems += [
        f"{bundle}: {name} has another SHA-256 than bundle.json says; copy the bundle again"
        for name in sorted(there & set(files))
        if sha256(folder / name) != files[name]
    ]
    if problems:
        raise InputError(*problems)
