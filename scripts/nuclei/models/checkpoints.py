"""Checkpoints on disk: written whole, and found whole or damaged."""

import io
import os
import zipfile

from nuclei.common.files import whole_file


def write_tensors(path, content):
    """torch.save to `path`, complete and on the disk or not at all; OSError on a full disk."""
    import torch

    buffer = io.BytesIO()  # writing to a file itself, torch.save raises a RuntimeError that does not say why
    torch.save(content, buffer)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        file.write(buffer.getbuffer())
        file.flush()
        os.fsync(file.fileno())


def intact(path):
    """Whether every byte of a file that torch.save wrote is as it was: it is a ZIP archive with check sums."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, NotImplementedError, EOFError, ValueError):
        return False


def epoch_of(path):
    """N of epoch_N.pth."""
    return int(path.stem.split("_")[1])
