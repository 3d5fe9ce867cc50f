"""Checkpoint files: written so that they are complete or not there, and checked for damage."""

import io
import os
import pickle
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nuclei.common.files import whole_file


def write_tensors(path: Path | str, content: Mapping[str, Any]) -> None:
    """Save a dict with torch.save, so that `path` is complete and on the disk, or is not there.

    OSError on a full disk.
    """
    import torch

    # saved to memory first: when it writes to a full disk itself, torch.save raises a RuntimeError without the reason
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        file.write(buffer.getbuffer())
        file.flush()
        os.fsync(file.fileno())


def read_tensors(path: Path | str) -> dict[str, Any]:
    """Content of a file of torch.save, read as tensors and plain values alone, so that no code in it can run.

    Raises pickle.UnpicklingError where it holds other objects, OSError where the file cannot be opened, and ValueError
    where it is damaged, for which torch itself raises errors of many kinds.
    """
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.filename:
            raise
        raise ValueError(" ".join(str(error).split())) from None
    if not isinstance(content, dict):
        raise ValueError(f"{type(content).__name__} in the place of a dict")
    return content


def intact(path: Path | str) -> bool:
    """Whether a file that torch.save wrote is undamaged. The file is a ZIP archive, which holds check sums."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError, zlib.error):
        return False


def epoch_of(path: Path) -> int:
    """The epoch N of a file epoch_N.pth."""
    return int(path.stem.split("_")[1])
