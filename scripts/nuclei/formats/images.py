"""Images alone, without nuclei, as test images may be."""

from collections.abc import Collection
from pathlib import Path, PurePosixPath

from nuclei.common.stage import InputError
from nuclei.formats.interface import FoundImage
from nuclei.formats.labels import label_of
from nuclei.formats.matching_files import files_below, ids_of, is_picture


def fits(names: Collection[PurePosixPath]) -> bool:
    """Images, and no other files, none of which looks like a label image."""
    return bool(names) and all(is_picture(name) and label_of(name) is None for name in names)


def read(folder: Path) -> list[FoundImage]:
    """All images below a folder."""
    files = [file for file in files_below(folder) if is_picture(file)]
    if not files:
        raise InputError(f"{folder}: no images found, wanted PNG, TIFF or JPEG files; check the path")
    ids = ids_of(files, folder)
    return [FoundImage(ids[file], file, None) for file in files]
