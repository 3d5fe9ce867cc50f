"""The 2018 Data Science Bowl: `<id>/images/<id>.png`, `<id>/masks/*.png`, one mask file for each nucleus."""

from collections.abc import Collection
from functools import partial
from pathlib import Path, PurePosixPath

from nuclei.common.stage import InputError, capped
from nuclei.data.masks import read_nucleus
from nuclei.data.raw_layout import picture_problems
from nuclei.formats.interface import FoundImage, Nuclei, Nucleus
from nuclei.formats.matching_files import is_clutter, is_picture, walk


def fits(names: Collection[PurePosixPath]) -> bool:
    """Folders with images/ and masks/ in each of them; an image of the folder's own name."""
    inside = [name for name in names if len(name.parts) > 2 and name.parts[-2] == "images" and is_picture(name)]
    return bool(inside) and all(name.stem == name.parts[-3] for name in inside)


def read(folder: Path) -> list[FoundImage]:
    """The images with their mask files. An image without a folder masks/ has no known nuclei."""
    found, problems = [], []
    places = sorted(place for place, _ in walk(folder) if place.name == "images" and not is_clutter(place, folder))
    for images in places:
        name = images.parent.name
        files = [path for path in sorted(images.iterdir()) if is_picture(path) and path.stem == name]
        if len(files) != 1:
            problems.append(f"{images}: {len(files)} images named {name} found, wanted one; correct the folder")
            continue
        masks = images.parent / "masks"
        inside = sorted(path for path in masks.glob("*") if path.name[0] != ".")
        problems += picture_problems(masks, inside, "masks")
        paths = [path for path in inside if path.suffix.lower() == ".png"]
        found.append(FoundImage(name, files[0], partial(nuclei, paths) if masks.is_dir() else None))
    if not found and not problems:
        problems = [f"{folder}: no images found, wanted <id>/images/<id>.png; check the path"]
    if problems:
        raise InputError(*capped(problems, folder))
    return found


def nuclei(paths: list[Path], width: int, height: int) -> Nuclei:
    """The nuclei of the mask files of one image, which may overlap. InputError names each wrong file."""
    found, problems = [], []
    for path in paths:
        try:
            part, left, top, _ = read_nucleus(path, (width, height))
            found.append(Nucleus(path.name, part, left, top))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    return found, []
