"""A raw data set in as few bytes as possible and without loss, for a machine that only so much can be brought to.

The layout is that of nuclei/data/raw_layout.py, with two differences: images are lossless WebP where that is smaller
and gives the same pixels, and the nuclei of an image are one masks.json, in gzip. `expand` makes PNG of the images
again; the masks.json stay, which every stage reads as it reads mask files.
"""

import gzip
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from nuclei.coco.rle import encode_part
from nuclei.common.classes import CLASSES
from nuclei.common.stage import InputError, refuse
from nuclei.data.masks import open_image, read_nucleus
from nuclei.data.pixel_sizes import SIZES_FILE
from nuclei.data.raw_layout import IDS_FILE, Mask, RawImage, read_layout
from nuclei.data.stored_nuclei import MASKS_FILE, StoredNucleus, write_nuclei

WEBP_LOSSLESS = [cv2.IMWRITE_WEBP_QUALITY, 101]  # OpenCV: above 100 is lossless


def write_image(source: Path, target: Path) -> None:
    """Write a PNG as WebP, or copy it where that is larger or would change a pixel. target: its path as a PNG."""
    open_image(source, "an image")
    data = source.read_bytes()
    array: Any = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
    target.parent.mkdir(parents=True, exist_ok=True)
    if array.dtype == np.uint8 and array.ndim == 3:
        packed = cv2.imencode(".webp", array, WEBP_LOSSLESS)[1]
        again: Any = cv2.imdecode(packed, cv2.IMREAD_UNCHANGED)
        if len(packed) < len(data) and np.array_equal(again, array):
            target.with_suffix(".webp").write_bytes(packed.tobytes())
            return
    target.write_bytes(data)


def code_of(mask: Mask) -> tuple[str, str, Any]:
    """(name, category, run-length code) of a nucleus; a mask file has the category nucleus."""
    if isinstance(mask, StoredNucleus):
        return mask.name, mask.category, mask.segmentation
    part, left, top, size = read_nucleus(mask)
    return mask.name, CLASSES[0], encode_part(part, left, top, size)


def pack_image(image: RawImage, target: Path, masks: Path | None) -> None:
    """Write an image and, where `masks` is given, its nuclei. target: path of the PNG. masks: folder of the nuclei."""
    write_image(image.file, target)
    if masks:
        masks.mkdir(parents=True, exist_ok=True)
        file = masks / MASKS_FILE
        write_nuclei(file, [code_of(mask) for mask in image.masks])
        file.with_suffix(".json.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
        file.unlink()


def run_all(tasks: Iterable[Callable[[], None]], threads: int) -> None:
    """Call all of them, `threads` at a time. Whichever fails first raises here."""
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(task) for task in tasks]:
            done.result()


def pack(dataset: Path, test_masks: Path | None, out: Path, threads: int) -> int:
    """Write a raw data set in the compact form; returns the number of its nuclei.

    dataset, test_masks: folders as read_layout takes them. out: new folder, which gets dataset/ and, where they are
    given, test_masks/. InputError with every problem of the layout, or the first one of an image or a mask.
    """
    images, _, problems = read_layout(dataset, test_masks)
    refuse(problems, dataset)
    tasks: list[Callable[[], None]] = []
    for image in images:
        if image.set == "train":
            home = out / "dataset" / "train" / image.id
            tasks.append(partial(pack_image, image, home / "images" / image.file.name, home))
        else:
            masks = out / "test_masks" / image.id if test_masks else None
            tasks.append(partial(pack_image, image, out / "dataset" / "test" / image.file.name, masks))
    run_all(tasks, threads)
    for name in (IDS_FILE, SIZES_FILE):
        if (dataset / name).is_file():
            shutil.copyfile(dataset / name, out / "dataset" / name)
    return sum(len(image.masks) for image in images)


def expand_file(source: Path, target: Path) -> None:
    """Write a file of the compact form as it was: a WebP as PNG, one in gzip without that, any other one as it is."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == ".gz":
        target.with_suffix("").write_bytes(gzip.decompress(source.read_bytes()))
    elif source.suffix == ".webp":
        array = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
        if array is None:
            raise InputError(f"{source}: not a readable WebP, wanted one of make gpu-kit; bring the kit again")
        cv2.imwrite(str(target.with_suffix(".png")), array, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    else:
        shutil.copyfile(source, target)


def expand(folder: Path, out: Path, threads: int) -> None:
    """Write the raw layout from the compact form.

    folder: what pack() has written. out: folder to write dataset/ and test_masks/ to. InputError where `folder` holds
    no dataset/ or an image cannot be read.
    """
    if not (folder / "dataset" / "train").is_dir():
        raise InputError(f"{folder}: holds no dataset/train, wanted the data of a kit of make gpu-kit; check the path")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    run_all([partial(expand_file, path, out / path.relative_to(folder)) for path in files], threads)
