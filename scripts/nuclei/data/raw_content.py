"""The content of a raw data set, part by part, as a hash: what the stages that read its pixels depend on.

Parts: `train` (training images and masks), `test` (test images and their ids), `test_masks`. What counts is what
raw_layout lists as data, so that left-overs of file managers, editors and notebooks change nothing.
"""

import os
from pathlib import Path

from nuclei.common.stage import InputError
from nuclei.data.pixel_sizes import SIZES_FILE
from nuclei.data.raw_layout import IDS_FILE, read_layout
from nuclei.data.stored_nuclei import MASKS_FILE, StoredNucleus
from nuclei.workflow.data_hash import files_hash, store_of

PARTS = ("train", "test", "test_masks")


def raw_files(
    dataset: str | Path, test_masks: str | Path | None = None
) -> tuple[dict[str, dict[str, Path]], list[str]]:
    """({part: {name: file}}, problem lines) of a raw data set. Names start below the part, as `<id>/masks/<name>`."""
    files: dict[str, dict[str, Path]] = {part: {} for part in PARTS}
    try:
        images, _, problems = read_layout(dataset, test_masks)
    except InputError as error:
        return files, error.problems
    except OSError as error:  # such as a folder that may be listed but not entered; the check says the same
        return files, [f"{error.filename}: {error.strerror}"]
    for image in images:
        files[image.set][f"{image.id}/{image.file.name}"] = image.file
        masks = files["train" if image.set == "train" else "test_masks"]
        for mask in image.masks:
            if isinstance(mask, StoredNucleus):
                masks[f"{image.id}/{MASKS_FILE}"] = mask.file
            else:
                masks[f"{image.id}/masks/{mask.name}"] = mask
    files["test"][IDS_FILE] = Path(dataset) / IDS_FILE
    if (sizes := Path(dataset) / SIZES_FILE).is_file():
        files["train"][SIZES_FILE] = files["test"][SIZES_FILE] = sizes
    return files, problems


def raw_hashes(dataset: str | Path, test_masks: str | Path | None, memory: str | os.PathLike[str]) -> dict[str, str]:
    """{part: SHA-256 over the names and contents of its files}, the same wherever the data lie.

    memory: folder in which hashes of single files are remembered. Problems of the layout, which the check of the raw
    data is about to report, count as content.
    """
    files, problems = raw_files(dataset, test_masks)
    return {
        part: " ".join([files_hash(found, store_of(Path(dataset) / part, memory)), *problems])
        for part, found in files.items()
    }
