"""Checkpoint files: written so that they are complete or not there, and checked for damage."""

import io
import os
import zipfile
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


def intact(path: Path | str) -> bool:
    """Whether a file that torch.save wrote is undamaged. The file is a ZIP archive, which holds check sums."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, NotImplementedError, EOFError, ValueError):
        return False


def epoch_of(path: Path) -> int:
    """The epoch N of a file epoch_N.pth."""
    return int(path.stem.split("_")[1])
