"""Whether many images and slides can be read, found before any work: a bad one of a thousand then costs no hours."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

from nuclei.common.files import read_json, write_json
from nuclei.common.stage import InputError, refuse
from nuclei.data.image_files import open_image_file


def check_readable(images: Iterable[Path], memory: Path) -> None:
    """Read each image whole, of a slide a corner. InputError names those that cannot be read.

    memory: a file in which the others are kept, by path, size and time, so that the next job does not read them again.
    """
    known: dict[str, list[int]] = {}
    with contextlib.suppress(InputError):  # there is none yet
        known = read_json(memory)
    found, problems = {}, []
    for path in images:
        about = path.stat()
        state = [about.st_size, about.st_mtime_ns]
        try:
            if known.get(str(path)) != state:
                open_image_file(path).corner()
            found[str(path)] = state
        except InputError as error:
            problems += error.problems
    if found != known:
        write_json(memory, found)
    refuse(problems, memory)
