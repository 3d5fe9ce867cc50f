"""Files of published COCO weights: fetched once into a cache, checked by hash, read without running their code."""

import pickle
import re
from pathlib import Path
from typing import Any

from nuclei.common.archives import DAMAGE, download
from nuclei.common.files import sha256
from nuclei.common.stage import InputError
from nuclei.models.checkpoints import read_tensors


def published_digits(source: str) -> str:
    """The 8 hex digits at the end of a published name, …-xxxxxxxx.pth, which its SHA-256 starts with.

    source: path or URL with the published name. InputError where the name has another form.
    """
    found = re.search(r"-([0-9a-f]{8})\.pth$", source)
    if not found:
        raise InputError(
            f"{source}: no hash found in the name, wanted a name that ends in - and the first 8 hex digits of the "
            "file's SHA-256 and .pth; give the address of a published file"
        )
    return found[1]


def check_hash(path: Path | str, source: str, whole: str | None = None) -> None:
    """Check a file by its SHA-256, of which the published name holds the first 8 hex digits.

    source: path or URL with the published name. whole: the SHA-256 where it is known, as 64 hex digits.
    InputError where the file has another SHA-256, and where the name holds no digits.
    """
    digits, found = published_digits(source), sha256(path)
    if whole and found != whole:
        raise InputError(f"{source}: SHA-256 is {found}, wanted {whole}; delete the file or name another source")
    if not found.startswith(digits):
        raise InputError(f"{source}: SHA-256 is {found}, wanted {digits}…; delete the file or name another source")


def fetch(url: str, path: Path, whole: str | None = None) -> None:
    """Download a published file to `path`, where it appears only when it is complete and has the right hash.

    whole: its SHA-256 where it is known. InputError where it cannot be downloaded or is not the wanted file.
    """
    published_digits(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    download(
        url,
        part,
        "the published weights; check the network, or put the file into a folder and name it in weights_folder",
    )
    try:
        check_hash(part, url, whole)
    except InputError:
        part.unlink()
        raise
    part.replace(path)


def read_published(path: Path, whole: str | None = None) -> dict[str, Any]:
    """The tensors of a published file, by name. The file must have passed check_hash with the same `whole`.

    Unpickling a file can run code that stands in it, and 8 hex digits of a hash are few enough that somebody can make
    another file that fits them. So torch reads tensors, plain values and numpy's numbers alone, and everything else in
    the file only where its whole SHA-256 is known (`whole`). InputError where it is not known, and where the file is no
    checkpoint.
    """
    import numpy as np
    import torch

    # numpy's numbers stand in the meta data of many published files; old files name numpy 1's module
    scalar = np.float64().__reduce__()[0]
    kinds = [type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64, np.int32)]
    harmless = [scalar, (scalar, "numpy.core.multiarray.scalar"), np.dtype, *kinds]
    try:
        try:
            with torch.serialization.safe_globals(harmless):
                content = read_tensors(path)
        except pickle.UnpicklingError:
            if not whole:
                raise InputError(
                    f"{path}: other objects than tensors found, wanted tensors alone, because reading others can run "
                    "code; if you trust the file, state its whole SHA-256 (sha256sum prints it) as sha256 of its model "
                    "in the models file (--sha256 of fetch_weights.py)"
                ) from None
            content = torch.load(path, map_location="cpu", weights_only=False)
        state: dict[str, Any] = content["state_dict"]
        if not all(isinstance(value, torch.Tensor) for value in state.values()):
            raise TypeError("other values than tensors in state_dict")
    except (*DAMAGE, AttributeError, pickle.UnpicklingError) as error:
        found = " ".join(str(error).split())[:80]
        raise InputError(
            f"{path}: no checkpoint ({found}), wanted a file of torch.save with state_dict; name another source"
        ) from None
    return state
