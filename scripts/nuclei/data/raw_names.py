"""Whether raw data are in the layout of the course, told from the names of their files alone.

That is what the DAG depends on: data in this layout are used as they are, all others go through import_raw.
"""

import os
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from nuclei.common.archives import DAMAGE
from nuclei.common.files import read_json, write_json
from nuclei.common.stage import InputError
from nuclei.data.raw_layout import IDS_FILE

COURSE = "course"


def folder_names(folder: Path) -> Iterator[str]:
    """Names from a folder on, down to two levels below it: those that tell the layout."""
    for path in (found for pattern in ("*", "*/*", "*/*/*") for found in folder.glob(pattern)):
        yield path.relative_to(folder).as_posix()


def archive_names(archive: Path) -> Iterator[str]:
    """Names of the members of a tar or zip file."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            yield from (name.replace("\\", "/") for name in file.namelist())
    else:
        with tarfile.open(archive) as file:
            for member in file:
                yield member.name


def is_course(names: Iterable[str]) -> bool:
    """Whether names hold test_img_ids.json, or side by side train/<id>/masks and test/<id>.png, as the course has them.

    The first of the two alone may be a folder of the Data Science Bowl's layout.
    """
    trains: set[tuple[str, ...]] = set()
    tests: set[tuple[str, ...]] = set()
    for name in names:
        parts = PurePosixPath(name).parts
        if parts and parts[-1] == IDS_FILE:
            return True
        if len(parts) >= 3 and parts[-3] == "train" and parts[-1] == "masks":
            trains.add(parts[:-3])
        if len(parts) >= 2 and parts[-2] == "test" and parts[-1].lower().endswith(".png"):
            tests.add(parts[:-2])
        if trains & tests:
            return True
    return False


def in_course_layout(source: str | Path, memory: str | Path, known: str | None = None) -> bool:
    """Whether a folder or archive is in the layout of the course.

    Also true for what cannot be looked at: a URL, an archive that is damaged or not there, and a folder without any
    file, so that the stage that reads it says what is wrong. memory: folder in which the answer for an archive is kept.
    known: hash of the archive, under which it is kept.
    """
    source = Path(source)
    if source.is_dir():
        return is_course(folder_names(source)) or not any(files for _, _, files in os.walk(source))
    if not source.is_file():
        return True
    store = Path(memory) / f"layout-{(known or '')[:16]}.json"
    if known and store.is_file():
        try:
            return read_json(store) is not False
        except InputError:
            pass
    try:
        answer = is_course(archive_names(source))
    except (*DAMAGE, OSError):
        return True
    if known:
        write_json(store, answer)
    return answer
