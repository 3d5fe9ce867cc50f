"""The release of MoNuSeg 2018: `Tissue Images/<id>.tif` and `Annotations/<id>.xml`, as Aperio's ImageScope writes them.

Each Region is a nucleus. Vertices have pixel centres at whole numbers from 1 on, so half a pixel less gives px with
pixel edges at integers. Where regions overlap, the shared pixels stay with the earlier one: on the 13 images of the
release that were compared with the masks of the course, this gives the same 4,948 nuclei, pixel for pixel but for two.
"""

from collections.abc import Collection
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from nuclei.coco.rle import bounding_box
from nuclei.common.stage import InputError, capped
from nuclei.data.left_out import COVERED, NO_AREA, SHARED
from nuclei.formats.interface import FoundImage, Note, Nuclei, Nucleus
from nuclei.formats.matching_files import by_stem, files_below, ids_of, is_picture, unmatched
from nuclei.formats.shapes import Ring, nucleus_of

OFFSET = -0.5  # of the file's coordinates to pixel edges at integers, px


def fits(names: Collection[PurePosixPath]) -> bool:
    """XML files, each with an image of the same name in another folder."""
    annotations = {name.stem for name in names if name.suffix.lower() == ".xml"}
    return bool(annotations) and annotations <= {name.stem for name in names if is_picture(name)}


def read(folder: Path) -> list[FoundImage]:
    """The images with an XML file each."""
    files = files_below(folder)
    images = by_stem(filter(is_picture, files), "an image")
    annotations = by_stem((file for file in files if file.suffix.lower() == ".xml"), "annotations")
    problems = unmatched(images, annotations, folder, "annotations (.xml)")
    if problems or not images:
        raise InputError(
            *(capped(problems, folder) or [f"{folder}: no images found, wanted Tissue Images/*.tif; add them"])
        )
    ids = ids_of(images.values(), folder)
    return [
        FoundImage(ids[file], file, partial(nuclei, annotations[stem]), pixel_size(annotations[stem]))
        for stem, file in images.items()
    ]


def parsed(path: Path) -> Any:
    """The root of an XML file; InputError where it is damaged. Nothing outside of the file is ever loaded."""
    from lxml import etree

    try:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        return etree.parse(path, parser).getroot()
    except (etree.XMLSyntaxError, OSError) as error:
        raise InputError(f"{path}: not XML ({error!s:.80}), wanted Aperio's annotations; download it again") from None


def pixel_size(path: Path) -> float | None:
    """µm, from MicronsPerPixel of the file."""
    from nuclei.data.file_pixel_size import as_number, plausible

    return plausible(as_number(parsed(path).get("MicronsPerPixel") or ""))


def regions(path: Path) -> list[tuple[str, bool, Ring]]:
    """[(name, whether it is a hole, outline in px)] of every Region. InputError where a vertex has no X and Y."""
    found = []
    for number, region in enumerate(parsed(path).iter("Region"), 1):
        name = f"region {number} (Id {region.get('Id')})"
        try:
            points = [[float(vertex.get("X")), float(vertex.get("Y"))] for vertex in region.iter("Vertex")]
        except (TypeError, ValueError):
            raise InputError(f"{path}: {name}: a vertex without X and Y found, wanted numbers; correct it") from None
        found.append((name, region.get("NegativeROA") == "1", np.array(points).reshape(-1, 2) + OFFSET))
    return found


def nuclei(path: Path, width: int, height: int) -> Nuclei:
    """The nuclei of one XML file, none of which overlap."""
    taken = np.zeros((height, width), bool)
    found: list[Nucleus] = []
    notes: list[Note] = []
    for name, hole, ring in regions(path):
        if hole:
            notes.append(Note(name, NO_AREA, "NegativeROA"))
            continue
        nucleus, more = nucleus_of(name, [ring], (width, height), f"{path}: {name}")
        notes += more
        if not nucleus:
            continue
        down, across = nucleus.part.shape
        place = taken[nucleus.top : nucleus.top + down, nucleus.left : nucleus.left + across]
        shared = int((nucleus.part & place).sum())
        if shared:
            part = nucleus.part & ~place
            if not part.any():
                notes.append(Note(name, COVERED, f"{shared} px"))
                continue
            notes.append(Note(name, SHARED, f"{shared} px"))
            a, b, c, d = bounding_box(part)
            nucleus = Nucleus(name, part[b:d, a:c].copy(), nucleus.left + a, nucleus.top + b)
        place |= nucleus.part if not shared else part
        found.append(nucleus)
    return found, notes
