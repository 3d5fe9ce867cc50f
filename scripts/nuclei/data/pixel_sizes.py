"""The pixel sizes of a raw data set: dataset/pixel_sizes.json, {"<image id>": µm}, of the images where one is known.

import_raw.py writes it. The file may be missing, as in the data of the course, and any image in it.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from reprlib import repr as short
from statistics import median
from typing import Any

from nuclei.coco.types import PIXEL_SIZE
from nuclei.common.files import read_json, write_json
from nuclei.common.stage import InputError

SIZES_FILE = "pixel_sizes.json"
RANGE = (0.01, 100.0)  # µm


def write_pixel_sizes(dataset: Path, sizes: Mapping[str, float | None]) -> None:
    """Write {image id: µm} of the images that have one; no file where none has."""
    if known := {id_: size for id_, size in sizes.items() if size}:
        write_json(dataset / SIZES_FILE, known)


def read_pixel_sizes(dataset: Path, ids: Collection[str], problems: list[str]) -> dict[str, float]:
    """{image id: µm} of a raw data set; {} without the file. ids: of its images.

    What is wrong is left out, and a line about it is added to `problems`.
    """
    file = dataset / SIZES_FILE
    if not file.is_file():
        return {}
    wanted = f'an object such as {{"an image": 0.25}}, in µm from {RANGE[0]:g} to {RANGE[1]:g}'
    try:
        content: Any = read_json(file, wanted)
    except InputError as error:
        problems += error.problems
        return {}
    if not isinstance(content, dict):
        problems.append(f"{file}: {short(content)} found, wanted {wanted}; correct it")
        return {}
    sizes = {}
    for id_, size in content.items():
        if id_ not in ids:
            problems.append(f"{file}: {id_!a} found, wanted the id of an image; remove it")
        elif type(size) not in (int, float) or not RANGE[0] <= size <= RANGE[1]:
            problems.append(f"{file}: {id_}: {short(size)} found, wanted {wanted}; correct it")
        else:
            sizes[id_] = float(size)
    return sizes


def median_pixel_size(images: Iterable[Mapping[str, Any]]) -> float | None:
    """The median pixel size, µm, of the images of a COCO file that have one; None where none has."""
    sizes = [image[PIXEL_SIZE] for image in images if image.get(PIXEL_SIZE)]
    return round(median(sizes), 6) if sizes else None
