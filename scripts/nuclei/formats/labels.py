"""Label images: for each image a second one, in which the pixels of each nucleus have a value of their own.

    images/<name>.<ending>, and masks/ or labels/ beside it with <name>.<ending>      or, in one folder,
    <name>.<ending> and <name>_label.<ending>, also _labels, _mask, _masks, _cp_masks, _seg

PNG, TIFF or NPY of 8, 16 or 32 bits, or floats that are whole numbers; 0 is background; ids may have gaps and need no
order. The numbers count as the file stores them, whatever colours it shows them in. All pixels of a value are one
nucleus, also where they do not touch.
"""

from collections.abc import Collection
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nuclei.common.limits import MOST_PIXELS
from nuclei.common.stage import InputError, capped
from nuclei.data.pictures import TIFFS, read_file, read_tiff
from nuclei.formats.interface import FoundImage, Nuclei, Nucleus
from nuclei.formats.matching_files import by_image, by_stem, files_below, ids_of, is_picture, relative

FOLDERS = {"labels", "label", "masks", "mask", "annotations", "gt", "ground_truth"}
SUFFIXES = ("_cp_masks", "_labels", "_label", "_masks", "_mask", "_seg")
ENDINGS = {".png", ".npy", *TIFFS}


def label_of(name: PurePosixPath) -> str | None:
    """The name of the image that a file labels, or None where it is no label image."""
    if name.suffix.lower() not in ENDINGS:
        return None
    for suffix in SUFFIXES:
        if name.stem.lower().endswith(suffix) and len(name.stem) > len(suffix):
            return name.stem[: -len(suffix)]
    return name.stem if len(name.parts) > 1 and name.parts[-2].lower() in FOLDERS else None


def pairs(names: Collection[PurePosixPath]) -> tuple[dict[str, list[PurePosixPath]], dict[str, list[PurePosixPath]]]:
    """({name: label images of this name}, {name: images of this name}).

    Cellpose writes <name>_seg.npy, which is not read, beside the label images that it exports.
    """
    labels: dict[str, list[PurePosixPath]] = {}
    images: dict[str, list[PurePosixPath]] = {}
    for name in names:
        if (found := label_of(name)) is not None:
            labels.setdefault(found, []).append(name)
        elif is_picture(name):
            images.setdefault(name.stem, []).append(name)
    for found, own in labels.items():
        labels[found] = [name for name in own if not is_of_cellpose(name)] or own
    return labels, images


def is_of_cellpose(name: PurePosixPath | Path) -> bool:
    """Whether a file is named as those in which Cellpose keeps its own state, as Python objects."""
    return name.name.lower().endswith("_seg.npy")


def fits(names: Collection[PurePosixPath]) -> bool:
    """At least half of the images have a label image, and of the label images an image; read() names the others."""
    labels, images = pairs(names)
    both = len(set(labels) & set(images))
    most = both > 0 and 2 * both >= max(len(labels), len(images))
    return most and not any(name.suffix.lower() == ".xml" for name in names)


def read(folder: Path) -> list[FoundImage]:
    """The images with their label images. InputError names what lacks its other half."""
    files = files_below(folder)
    labels, images = pairs(relative(folder, files))
    problems = [
        f"{folder}: {name} found without a label image, wanted both; add it, or remove the image"
        for name in sorted(set(images) - set(labels))
    ]
    problems += [
        f"{folder / labels[name][0]}: found without its image, wanted both; add it"
        for name in sorted(set(labels) - set(images))
    ]
    if not images and not problems:
        problems = [f"{folder}: no images found, wanted images/ and labels/ with the same names; check the path"]
    if problems:
        raise InputError(*capped(problems, folder))
    found = by_stem((folder / name for names in images.values() for name in names), "an image")
    ids = ids_of(found.values(), folder)
    about = by_image(((stem, folder / name) for stem, own in labels.items() for name in own), folder, "remove one")
    return [FoundImage(ids[file], file, partial(nuclei, about[stem])) for stem, file in found.items()]


def read_values(path: Path) -> NDArray[Any]:
    """The values of a label image in its own type: height x width. InputError where it is unreadable or has colours."""
    ending = path.suffix.lower()
    if ending in TIFFS:
        array, _ = read_tiff(path, as_seen=False)
    elif ending == ".npy":
        try:
            array = np.load(path, allow_pickle=False)
        except Exception as error:  # NumPy raises many kinds on damaged headers
            advice = "save the masks as PNG or TIFF in Cellpose" if is_of_cellpose(path) else "export it again"
            raise InputError(f"{path}: not a readable NPY ({error!s:.60}), wanted a label image; {advice}") from None
    else:
        array = read_png(path)
    if array.ndim == 3 and array.shape[2] in (3, 4) and (array[..., :1] == array[..., :3]).all():
        array = array[..., 0]
    if array.ndim != 2 or not 0 < array.size <= MOST_PIXELS:
        shape = "x".join(map(str, array.shape))
        raise InputError(
            f"{path}: {shape} values found, wanted one value a pixel, height x width; export labels, not colours"
        )
    return array


def read_png(path: Path) -> NDArray[Any]:
    """The values of a PNG; of one with a palette its numbers, not its colours."""
    data = read_file(path)
    try:
        if data[24:26] and data[25] == 3:  # colour type 3 of the header: a palette
            from PIL import Image

            with Image.open(path) as image:
                return np.array(image)
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except Exception:  # Pillow raises many kinds on damaged files
        array = None
    if array is None:
        raise InputError(f"{path}: not a readable PNG, wanted a label image; export it again")
    return array


def whole_numbers(array: NDArray[Any], path: Path) -> NDArray[np.int64]:
    """The values as whole numbers from 0 on; InputError where one is not."""
    if array.dtype.kind not in "buif":
        raise InputError(f"{path}: values of type {array.dtype} found, wanted whole numbers; export it again")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or (array != np.rint(array)).any() or np.abs(array).max() > 2**53:
            raise InputError(
                f"{path}: values that are no whole numbers found, wanted labels; export labels, not scores"
            )
    elif array.dtype == np.uint64 and array.max() > 2**62:
        raise InputError(f"{path}: value {array.max()} found, wanted labels below 2^62; number the nuclei anew")
    values = array.astype(np.int64)
    if values.min() < 0:
        raise InputError(f"{path}: value {values.min()} found, wanted 0 for background and labels above; correct it")
    return values


def nuclei(path: Path, width: int, height: int) -> Nuclei:
    """The nuclei of a label image. InputError where it has another size than its image, or tells no nuclei apart."""
    from scipy import ndimage

    values = whole_numbers(read_values(path), path)
    if values.shape != (height, width):
        raise InputError(
            f"{path}: {values.shape[1]}x{values.shape[0]} px found, wanted {width}x{height} as its image; "
            "export it again"
        )
    ids = np.unique(values)
    shift = 0 if ids[0] == 0 else 1  # an image without background
    compact = (np.searchsorted(ids, values) + shift).astype(np.int32)  # a tenth of the time of return_inverse
    ids = ids[ids > 0]
    if len(ids) == 1 and cv2.connectedComponents((compact > 0).astype(np.uint8))[0] > 2:
        raise InputError(
            f"{path}: one value, {ids[0]}, in several places found, wanted a value for each nucleus; number the "
            "nuclei, as scipy.ndimage.label does"
        )
    found = []
    for label, box in enumerate(ndimage.find_objects(compact), 1):
        rows, columns = box
        found.append(Nucleus(f"label {ids[label - 1]}", compact[box] == label, int(columns.start), int(rows.start)))
    return found, []
