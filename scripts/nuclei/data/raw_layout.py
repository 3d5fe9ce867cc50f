"""The layout of the raw data on disk: which files are images and masks. nuclei/data/masks.py reads their pixels.

    dataset/train/<id>/images/<id>.png
    dataset/train/<id>/masks/*.png        one file per nucleus
    dataset/test/<id>.png
    dataset/test_img_ids.json             number and size of each test image
    dataset/pixel_sizes.json              only where pixel sizes are known (nuclei/data/pixel_sizes.py)
    test_masks/<id>/masks/*.png           only where the masks of the test images are given

In the place of masks/ there may be a file masks.json with all nuclei of the image as run-length codes, which takes
less space and time, and gives each nucleus a category (nuclei/data/stored_nuclei.py). import_raw.py writes it.

Accepted: names with spaces and letters of any script; the ending .PNG; images of any depth and number of channels (read
as 8-bit colour); masks of 1 bit, or of the values 0 and 1; masks without background; a byte order mark in
test_img_ids.json. An image without any nucleus has a folder masks/ that is there and empty; where the folder is missing
or holds other files alone, its masks are taken to be lost, which is a problem. Files beside the masks that are no
pictures are listed as ignored; pictures of another format than PNG are a problem, and so are those in folders there.
Everything else is a problem too, one line that names the file.

The functions here add to two lists that they are given, so that a person sees all problems at once: `ignored`, of
(file, reason), and `problems`, of lines.
"""

import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import repr as short  # of any depth and length
from typing import Any, Literal, NamedTuple

from nuclei.common.files import read_json
from nuclei.common.stage import InputError
from nuclei.data.pixel_sizes import read_pixel_sizes
from nuclei.data.stored_nuclei import MASKS_FILE, StoredNucleus, read_nuclei

IDS_FILE = "test_img_ids.json"
PICTURES = {".tif", ".tiff", ".bmp", ".jpg", ".jpeg", ".jp2", ".gif", ".webp", ".pgm", ".npy"}  # other than PNG
CLUTTER = {"Thumbs.db", "desktop.ini", "__MACOSX"}

Ignored = list[tuple[Path, str]]  # (file, reason)
Mask = Path | StoredNucleus
TestIds = dict[str, tuple[int, int, int]]  # {file name: (id, width, height)}, px


@dataclass
class RawImage:
    """One image and its mask files; a test image may have none."""

    set: Literal["train", "test"]
    id: str  # name of the image's folder, or of its file without .png
    file: Path
    masks: Sequence[Mask] = field(default_factory=list)
    number: int = 0  # image id in COCO files: rank among all training images from 1, or as in test_img_ids.json
    pixel_size: float | None = None  # µm, where it is known


def clutter_reason(path: Path) -> str | None:
    """Why a file or folder is no data, or None where it may be data."""
    if path.name.startswith("."):
        return "hidden" if path.name != ".ipynb_checkpoints" else "notebook left-over"
    return "system file" if path.name in CLUTTER else None


class Entry(NamedTuple):
    """A file or folder that may be data, as the folder above it says: it is not asked for once more."""

    path: Path
    is_dir: bool  # of what a link leads to


def listing(folder: Path, ignored: Ignored, problems: list[str]) -> list[Entry]:
    """The entries of a folder, sorted, without those that are no data (see clutter_reason), which are ignored.

    InputError where the folder cannot be listed or entered.
    """
    entries = []
    try:
        with os.scandir(f"{folder}/.") as inside:  # "/." wants a folder that can be entered, too
            found = sorted(inside, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror}), wanted a readable folder; check it") from None
    for entry in found:
        path = folder / entry.name
        # a link is asked by its path, because only a path takes a link that leads to itself for a link to nothing
        kind = path if entry.is_symlink() else entry
        is_dir = kind.is_dir()
        reason = clutter_reason(path)
        if reason:
            if path.name != ".snakemake_timestamp":
                files = sorted(p for p in path.rglob("*") if p.is_file()) if is_dir else [path]
                ignored += [(file, reason) for file in files]
        elif kind is path and not path.exists():
            problems.append(f"{path}: link to nothing found, wanted a file or folder; correct or remove the link")
        elif not is_dir and not kind.is_file():
            problems.append(f"{path}: neither a file nor a folder found, wanted one of them; remove it")
        elif not path.name.isprintable():
            problems.append(
                f"{folder}: name {path.name!a} found, wanted letters that can be printed (UTF-8); rename it"
            )
        else:
            entries.append(Entry(path, is_dir))
    return entries


def split_pictures(entries: Iterable[Entry]) -> tuple[list[Path], list[Path]]:
    """(PNG files, all other entries), by their paths."""
    pictures: list[Path] = []
    others: list[Path] = []
    for path, is_dir in entries:
        (others if is_dir or path.suffix.lower() != ".png" else pictures).append(path)
    return pictures, others


def name_clashes(paths: Iterable[Path]) -> Iterator[str]:
    """Yield a problem line for each name that differs from another one only in case, such as a.png and A.PNG.

    Or in the form of its letters: an é may be one character (NFC) or an e with an accent (NFD, as macOS writes it).
    Some systems (Windows, macOS) take the two for the same file.
    """
    names: dict[str, str] = {}
    for path in paths:
        name = unicodedata.normalize("NFC", path.name)
        other = names.setdefault(unicodedata.normalize("NFC", name.casefold()).removesuffix(".png"), path.name)
        if other != path.name:
            form = unicodedata.normalize("NFC", other) == name
            but = "the form of its letters in Unicode (NFC, NFD)" if form else "case"
            yield f"{path}: same name as {other} but for {but}, wanted one; rename it"


def is_picture(path: Path) -> bool:
    """Whether the name of a file is that of a picture."""
    return path.suffix.lower() in {".png", *PICTURES}


def picture_problems(folder: Path, others: Iterable[Path], what: str) -> Iterator[str]:
    """Yield a problem line if files of another format than PNG look like pictures. what: masks, images."""
    pictures = [path.name for path in others if path.suffix.lower() in PICTURES]
    if pictures:
        shown = ", ".join(pictures[:3]) + (", …" if len(pictures) > 3 else "")
        yield (
            f"{folder}: {len(pictures)} files that are no PNG but look like {what} found ({shown}), wanted PNG alone; "
            "convert or remove them"
        )


def read_masks(folder: Path, ignored: Ignored, problems: list[str]) -> Sequence[Mask]:
    """The mask files below folder/masks, sorted, or the nuclei of masks.json; folder: that of one image."""
    stored = folder / MASKS_FILE
    if stored.is_file() and (folder / "masks").exists():
        problems.append(f"{folder}: masks and {MASKS_FILE} found, wanted one of them; remove the other")
        return []
    if stored.is_file():
        try:
            return read_nuclei(stored)
        except InputError as error:
            problems += error.problems
            return []
    if not (folder / "masks").is_dir():
        problems.append(
            f"{folder}: no folder masks found, wanted one with a PNG a nucleus; add it or remove {folder.name}"
        )
        return []
    entries = listing(folder / "masks", ignored, problems)
    masks, others = split_pictures(entries)
    below = [path for path, is_dir in entries if is_dir and any(map(is_picture, path.iterdir()))]
    problems += [
        f"{path}: a folder with pictures found, wanted each mask in masks/ itself; move them" for path in below
    ]
    ignored += [(path, "no PNG") for path in others]
    pictures = list(picture_problems(folder / "masks", others, "masks"))
    problems += pictures
    if others and not masks and not pictures and not below:
        problems.append(
            f"{folder / 'masks'}: holds files but no PNG, wanted one a nucleus, or nothing for an image without any; "
            f"add them, empty the folder or remove {folder.name}"
        )
    problems += name_clashes(masks)
    return masks


def read_train(folder: Path, ignored: Ignored, problems: list[str]) -> list[RawImage]:
    """The training images with their masks, numbered from 1 in the order of their ids. folder: dataset/train."""
    images: list[RawImage] = []
    entries = listing(folder, ignored, problems) if folder.is_dir() else []
    problems += name_clashes(path for path, is_dir in entries if is_dir)
    for path, is_dir in entries:
        if not is_dir:
            ignored.append((path, "no folder"))
            continue
        wanted = path / "images" / f"{path.name}.png"
        inside = listing(path / "images", ignored, problems) if (path / "images").is_dir() else []
        others = [p for p, _ in inside if p != wanted]
        ignored += [(p, "not the image of its folder") for p in others]
        masks = read_masks(path, ignored, problems)
        if wanted.is_file():
            images.append(RawImage("train", path.name, wanted, masks, len(images) + 1))
        else:
            found = ", ".join(p.name for p in others) or "nothing"
            problems.append(
                f"{wanted}: not found (images/ holds {found}), wanted the image of these masks; add or rename it"
            )
    if not images and not problems:
        problems.append(f"{folder}: no training images found, wanted <id>/images/<id>.png; check raw.dataset.path")
    return images


def read_test_ids(path: Path | str, problems: list[str]) -> TestIds:
    """{file name: (id, width, height)} of test_img_ids.json, in its order; width and height in px.

    A row with a problem is left out, and its problem is added to `problems`.
    """
    rows: TestIds = {}
    known: dict[int, str] = {}
    if Path(path).exists() and not Path(path).is_dir() and not Path(path).is_file():  # reading a pipe waits for ever
        problems.append(f"{path}: neither a file nor a folder found, wanted a JSON file; correct it")
        return rows
    try:
        content: Any = read_json(path, "a list of {file_name, height, width, id}")
    except InputError as error:
        problems += error.problems
        return rows
    if not isinstance(content, list) or not content:
        found = "an empty list" if content == [] else type(content).__name__
        problems.append(f"{path}: {found} found, wanted a list of {{file_name, height, width, id}}; correct it")
        return rows
    for row in content:
        fields = {"file_name": str, "height": int, "width": int, "id": int}
        if not isinstance(row, dict) or any(type(row.get(key)) is not kind for key, kind in fields.items()):
            problems.append(f"{path}: row {short(row)} found, wanted file_name, height, width, id; correct it")
        elif row["file_name"] in rows or row["id"] in known:
            problems.append(f"{path}: {row['file_name']} with id {row['id']} found twice, wanted each once; correct it")
        else:
            known[row["id"]] = row["file_name"]
            rows[row["file_name"]] = (row["id"], row["width"], row["height"])
    return rows


def read_test(
    dataset: Path, masks_folder: Path | None, ignored: Ignored, problems: list[str]
) -> tuple[list[RawImage], TestIds]:
    """The test images, numbered as in test_img_ids.json, and with their masks where a folder of masks is given.

    Returns (images in the order of their numbers, content of test_img_ids.json as read_test_ids gives it).
    """
    ids_file = dataset / "test_img_ids.json"
    rows = read_test_ids(ids_file, problems)
    entries = listing(dataset / "test", ignored, problems) if (dataset / "test").is_dir() else []
    pictures, others = split_pictures(entries)
    files = {path.name: path for path in pictures}
    ignored += [(path, "no PNG") for path in others]
    problems += picture_problems(dataset / "test", others, "test images")
    problems += name_clashes(files.values())
    for name in sorted(set(rows) ^ set(files)) if rows else []:
        where, lacks = (ids_file.name, "test/") if name in rows else ("test/", ids_file.name)
        problems.append(f"{dataset / 'test' / name}: found in {where} but not in {lacks}, wanted in both; correct one")
    images = [RawImage("test", Path(name).stem, files[name], [], rows[name][0]) for name in rows if name in files]
    if masks_folder:
        folders = {path.name: path for path, is_dir in listing(masks_folder, ignored, problems) if is_dir}
        for image in images:
            if image.id in folders:
                image.masks = read_masks(folders.pop(image.id), ignored, problems)
            else:
                problems.append(f"{masks_folder / image.id}: not found, wanted the masks of a test image; add them")
        for name in folders if rows else []:
            problems.append(
                f"{masks_folder / name}: masks of no test image, wanted an id of {ids_file.name}; remove it"
            )
    return sorted(images, key=lambda image: image.number), rows


def read_layout(dataset: Path | str, test_masks: Path | str | None = None) -> tuple[list[RawImage], Ignored, list[str]]:
    """All images of a raw data set.

    dataset: folder with train/, test/ and test_img_ids.json. test_masks: folder with <id>/masks/, where given. Returns
    (images, training images first; ignored files with the reason; problem lines). The caller decides what to do about
    problems. InputError where there is no folder `dataset` or a folder cannot be listed.
    """
    dataset = Path(dataset)
    ignored: Ignored = []
    problems: list[str] = []
    if not dataset.is_dir():
        raise InputError(
            f"{dataset}: not found, wanted a folder with train/, test/ and test_img_ids.json; check the path"
        )
    train = read_train(dataset / "train", ignored, problems)
    test, _ = read_test(dataset, Path(test_masks) if test_masks else None, ignored, problems)
    training = {image.id.casefold() for image in train}
    for image in test:
        if image.id.casefold() in training:
            problems.append(f"{dataset}: {image.id} found in train/ and in test/, wanted in one; remove the other")
    sizes = read_pixel_sizes(dataset, {image.id for image in train + test}, problems)
    for image in train + test:
        image.pixel_size = sizes.get(image.id)
    return train + test, ignored, problems
