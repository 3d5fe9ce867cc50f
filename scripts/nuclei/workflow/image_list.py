"""Which images are to be predicted on, and which of them get a job of their own."""

import os
from collections.abc import Iterable
from pathlib import Path

from nuclei.common.stage import InputError

SLIDES = {".svs", ".ndpi", ".scn", ".btf", ".tf8"}
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", *SLIDES}
OTHERS = {".czi", ".nd2", ".lif", ".mrxs", ".vsi", ".oib", ".oir", ".zvi", ".ims", ".dcm", ".jp2", ".webp", ".gif"}
RESULTS = (".overlay.jpg", ".labels.ome.tif")  # of nuclei/export: they may lie beside the images
LONGEST_NAME = 200  # bytes without suffix; the longest suffix of a file on its way has 29, file systems take 255
LARGE = 50_000_000  # bytes from which a file gets a job of its own, whatever its form


def list_image_files(sources: Iterable[Path | str]) -> list[Path]:
    """The images that files, folders and lists name, in order, each once.

    A folder gives its images (SUFFIXES) without those of its subfolders, without hidden ones, and without pictures that
    predict_images wrote (RESULTS). A list is a text file (.txt) with a path per line, relative to the list; empty lines
    and lines that start with # are left out. InputError for what is not there, for a folder or list without images, for
    names that are too long, and for two images whose results would have one name.
    """
    images: dict[Path, None] = {}
    problems = []
    for source in map(Path, sources):
        if source.is_dir():
            inside = (p for p in source.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
            own = sorted(path for path in inside if not path.name.endswith(RESULTS))
        elif source.suffix.lower() == ".txt" and source.is_file():
            try:
                text = source.read_text(encoding="utf-8-sig")
            except ValueError:
                problems.append(f"{source}: no UTF-8 text found, wanted a path per line; save it as UTF-8")
                continue
            lines = [line.strip() for line in text.splitlines()]
            own = [source.parent / line for line in lines if line and not line.startswith("#")]
        else:
            own = [source]
        if not own:
            problems.append(f"{source}: no image found, wanted PNG, JPEG, TIFF or slides; add some")
        problems += [f"{path}: not found, wanted an image; correct the path" for path in own if not path.is_file()]
        images |= dict.fromkeys(own)
    found = list(images)
    problems += [
        f"{path}: a name of {size} bytes found, wanted {LONGEST_NAME} at most, since results are named by it; rename it"
        for path in found
        if (size := len(os.fsencode(path.stem))) > LONGEST_NAME
    ]
    names: dict[str, Path] = {}
    for path in found:
        other = names.setdefault(path.stem.lower(), path)
        if other is not path:
            problems.append(f"{path}: its results would have the names of those of {other}; rename one")
    if problems:
        raise InputError(*problems)
    return found


def left_out(sources: Iterable[Path | str]) -> list[Path]:
    """The files of folders that are images of formats which this project does not read (OTHERS)."""
    folders = filter(Path.is_dir, map(Path, sources))
    return sorted(path for folder in folders for path in folder.iterdir() if path.suffix.lower() in OTHERS)


def wants_a_job(path: Path) -> bool:
    """Whether an image gets a job of its own: a slide, or any file that is as large as one."""
    return path.suffix.lower() in SLIDES or path.stat().st_size > LARGE
