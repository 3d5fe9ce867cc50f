"""The mark of a folder that a stage has made: a file beside it that says what the folder holds.

It stands apart from the content of given data (nuclei.data.raw_content), because only the stages that make data use it.
"""

import hashlib
from pathlib import Path

from nuclei.common.files import sha256, write_text


def mark_made(folder: str | Path) -> None:
    """Write `<folder>.made` with a hash of the names and contents of all files in a folder that a stage has made.

    Snakemake compares a folder by its time alone. The stages that read the folder have this file among their inputs, so
    that they run again when the content changed, also if the run was stopped in between.
    """
    digest, folder = hashlib.sha256(), Path(folder)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)}\0{sha256(path)}\n".encode(errors="surrogateescape"))
    write_text(folder.with_name(f"{folder.name}.made"), f"{digest.hexdigest()}\n")
