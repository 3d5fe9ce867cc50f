"""Which files of a data set belong together: images, and files about them of the same name."""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath

from nuclei.common.stage import InputError
from nuclei.data.pictures import PICTURES
from nuclei.data.raw_layout import clutter_reason


def walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """(folder, names of its files) of a folder and of all below it. Links are followed, each folder is seen once."""
    visited: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        visited.add(os.path.realpath(place))
        folders[:] = [name for name in folders if os.path.realpath(os.path.join(place, name)) not in visited]
        yield Path(place), names


def files_below(folder: Path) -> list[Path]:
    """All files below a folder, sorted, without hidden ones and those that systems leave."""
    return sorted(
        path
        for place, names in walk(folder)
        for path in (place / name for name in names)
        if path.is_file() and not any(map(clutter_reason, [path, *list(path.relative_to(folder).parents)[:-1]]))
    )


def relative(folder: Path, files: Iterable[Path]) -> list[PurePosixPath]:
    """Names of files from a folder on."""
    return [PurePosixPath(path.relative_to(folder)) for path in files]


def is_picture(name: PurePosixPath | Path) -> bool:
    """Whether a name ends as that of an image."""
    return name.suffix.lower() in PICTURES


def ids_of(files: Iterable[Path], folder: Path) -> dict[Path, str]:
    """{image: id}: its name without ending or, where two images would have the same, its path from `folder` on.

    In such a path each / becomes _. Names that differ only in case count as the same.
    """
    files = list(files)
    names = [file.stem.casefold() for file in files]
    if len(set(names)) == len(names):
        return {file: file.stem for file in files}
    return {file: "_".join(file.relative_to(folder).with_suffix("").parts) for file in files}


def by_stem(files: Iterable[Path], what: str) -> dict[str, Path]:
    """{name without ending: file}; InputError names two files of one name. what: of the files, for the error."""
    found: dict[str, Path] = {}
    problems = []
    for file in files:
        other = found.setdefault(file.stem, file)
        if other != file:
            problems.append(f"{file}: {what} of the same name as {other} found, wanted one; rename or remove it")
    if problems:
        raise InputError(*problems)
    return found


def unmatched(left: Collection[str], right: Collection[str], folder: Path, what: str) -> list[str]:
    """A problem line for each name that only one of the two has. what: of the right ones."""
    lines = [
        f"{folder}: {name} found without {what}, wanted both; add the file" for name in sorted(set(left) - set(right))
    ]
    return lines + [
        f"{folder}: {what} of {name} found without an image of that name, wanted both; add or rename one"
        for name in sorted(set(right) - set(left))
    ]
