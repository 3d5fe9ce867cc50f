"""The forms in which nuclei are written, by the names that the config gives them."""

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from nuclei.common.classes import CLASSES
from nuclei.data.image_files import ImageFile
from nuclei.export.coco_file import CocoFile
from nuclei.export.geojson import GeoJSON
from nuclei.export.labels import LabelTiff, OmeZarr
from nuclei.export.measurements import MeasuredNucleus
from nuclei.export.nuclei_table import NucleiTable
from nuclei.export.overlay import Overlay
from nuclei.export.writing import Writer

FORMS: dict[str, type[Writer]] = {
    "geojson": GeoJSON,
    "labels": LabelTiff,
    "zarr": OmeZarr,
    "coco": CocoFile,
    "table": NucleiTable,
    "overlay": Overlay,
}


def files_of(folder: Path, image: Path, forms: Iterable[str]) -> list[Path]:
    """The files that an image's nuclei are written to, one for each form."""
    return [folder / f"{image.stem}{FORMS[form].suffix}" for form in forms]


def write_forms(
    folder: Path,
    image: ImageFile,
    batches: Iterable[Sequence[MeasuredNucleus]],
    most: int,
    forms: Sequence[str],
    classes: Sequence[str] = CLASSES,
) -> int:
    """Write an image's nuclei in several forms at once. Returns their number.

    batches: of the nuclei, in order. most: at least as many as all of them. forms: keys of FORMS.
    classes: their names, in the order of the category ids.
    """
    count = 0
    with contextlib.ExitStack() as stack:
        paths = files_of(folder, image.path, forms)
        writers = [stack.enter_context(FORMS[f](p, image, most, classes)) for f, p in zip(forms, paths, strict=True)]
        for batch in batches:
            count += len(batch)
            for writer in writers:
                writer.write(batch)
    return count
