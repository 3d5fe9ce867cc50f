"""Which files of a data set belong together: images, and files about them of the same name."""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath

from nuclei.common.stage import InputError, refuse
from nuclei.data.pictures import PICTURES
from nuclei.data.raw_layout import clutter_reason


def walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """(folder, names of its files) of a folder and of all below it. Links are followed, each folder is seen once.

    InputError where one cannot be listed.
    """

    def refused(error: OSError) -> None:
        raise InputError(
            f"{error.filename}: cannot be listed ({error.strerror}), wanted a readable folder; check it"
        ) from None

    visited: set[str] = set()
    for place, folders, names in os.walk(folder, onerror=refused, followlinks=True):
        visited.add(os.path.realpath(place))
        folders[:] = [name for name in folders if os.path.realpath(os.path.join(place, name)) not in visited]
        yield Path(place), names


def is_clutter(path: Path, folder: Path) -> bool:
    """Whether a file or folder below `folder` is hidden or left by a system, or lies in such a folder."""
    return any(map(clutter_reason, [path, *list(path.relative_to(folder).parents)[:-1]]))


def files_below(folder: Path) -> list[Path]:
    """All files below a folder, sorted, without hidden ones and those that systems leave.

    InputError names each link to nothing, such as a file of git-annex or DataLad that was not fetched.
    """
    paths = sorted(place / name for place, names in walk(folder) for name in names)
    paths = [path for path in paths if not is_clutter(path, folder)]
    refuse(
        [
            f"{path}: link to nothing found, wanted a file; correct or remove the link"
            for path in paths
            if path.is_symlink() and not path.exists()
        ],
        folder,
    )
    return [path for path in paths if path.is_file()]


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


def by_image(files: Iterable[tuple[str, Path]], folder: Path, advice: str) -> dict[str, Path]:
    """{name of an image: the file about it} of such pairs. InputError names each second file about an image.

    advice: what to do about it.
    """
    found: dict[str, Path] = {}
    problems = []
    for name, file in files:
        other = found.setdefault(name, file)
        if other != file:
            problems.append(f"{file}: found beside {other}, wanted one file about the image {name}; {advice}")
    refuse(problems, folder)
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
