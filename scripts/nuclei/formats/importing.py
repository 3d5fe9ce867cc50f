"""A data set of any format, written in the raw layout of this project (nuclei/data/raw_layout.py).

Images become PNG files of 8 bits (nuclei/data/pictures.py has the rules); a PNG that already is one is copied byte
for byte. The nuclei of each image become one masks.json. Which images test is chosen here: those of a second data set,
those that a file names, or a share by seed. Nothing is lost without a row in the report.
"""

import contextlib
import itertools
import random
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from reprlib import repr as short
from typing import Literal, NotRequired, TypedDict

import cv2

from nuclei.coco.rle import encode_part
from nuclei.common.classes import CLASSES, class_key, class_numbers
from nuclei.common.documents import read_yaml
from nuclei.common.files import whole_file, write_json
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError, capped
from nuclei.data.groups import by_group, chosen_groups, cleaned, read_groups
from nuclei.data.pictures import Picture, pixels_sha256, read_picture
from nuclei.data.pixel_sizes import write_pixel_sizes
from nuclei.data.raw_layout import IDS_FILE, read_test_ids
from nuclei.data.stored_nuclei import MASKS_FILE, write_nuclei
from nuclei.formats.interface import NUCLEUS, FoundImage
from nuclei.formats.registry import AUTO, choose, readers

Set = Literal["train", "test"]


@dataclass(frozen=True)
class Source:
    """A folder with a data set, and its format. `auto`: found by itself, or `otherwise` where that is not possible."""

    folder: Path
    format: str = AUTO
    otherwise: str = AUTO


@dataclass(frozen=True)
class Choice:
    """Which images test: all of `source`, or those that `file` lists, or `fraction` of all, chosen by `seed`."""

    source: Source | None = None
    file: Path | None = None
    fraction: float = 0.2
    seed: int = 0
    masks: bool = True  # whether the test images have nuclei too
    groups: tuple[Path, str] | None = None  # table and column of groups, which `fraction` does not divide


class ImportedImage(TypedDict):
    """One row of `images` in imported.json."""

    set: Set
    id: str
    file: str  # name of its file, from the data set's folder on
    width: int  # px
    height: int
    pixel_size: float | None  # µm, where a file has it
    pixels_sha256: str  # of its colours, see nuclei.data.pictures: by it the user's own file is known again
    changed: list[str]  # what was changed of the image
    categories: dict[str, int]  # nuclei by the category that the file gives them
    notes: list[list[str]]  # [nucleus, what happened to it, detail]


class Imported(TypedDict):
    """Content of imported.json."""

    format: str
    test_format: str | None  # of a second data set
    found_by_itself: bool
    images: list[ImportedImage]
    notes: dict[str, int]  # how often each thing happened
    classes: NotRequired[list[str]]  # where there are several


def check_ids(images: Collection[FoundImage], others: Collection[FoundImage] = ()) -> None:
    """Raise InputError where the name of an image cannot be that of a folder, or two have the same but for case."""
    known: dict[str, FoundImage] = {}
    problems = []
    for image in [*images, *others]:
        other = known.setdefault(image.id.casefold(), image)
        if other is not image:
            problems.append(f"{image.file}: same name as {other.file}, wanted one of its own; rename one")
        if not image.id.isprintable() or image.id.strip(". ") == "" or image.id[0] == ".":
            problems.append(f"{image.file}: name {image.id!a} found, wanted letters that can be printed; rename it")
    if problems:
        raise InputError(*capped(problems, "raw data"))


def listed_ids(file: Path, ids: Collection[str]) -> dict[str, int]:
    """{id of a test image: its number}, in the order of a list.

    file: a YAML or JSON list of ids, or of objects as in test_img_ids.json, whose numbers are kept. The form of letters
    (an é as one character or as two) counts for nothing. InputError where it is none, or names an image that is not
    there.
    """
    content = read_yaml(file)
    problems: list[str] = []
    known = {cleaned(id_): id_ for id_ in ids}
    if isinstance(content, list) and content and not any(isinstance(row, dict) for row in content):
        found = {row: number for number, row in enumerate(content, 1) if isinstance(row, str)}
        problems += [
            f"{file}: {short(row)} found, wanted an id as text; write numbers in quotes"
            for row in content
            if not isinstance(row, str)
        ]
    else:
        rows = read_test_ids(file, problems)
        found = {Path(name).stem: row[0] for name, row in rows.items()}
    numbers = {known.get(cleaned(name), name): number for name, number in found.items()}
    problems += [
        f"{file}: {id_} is no image of the data, wanted one of them; remove it" for id_ in numbers if id_ not in ids
    ]
    if problems or not numbers:
        raise InputError(*(capped(problems, file) or [f"{file}: no test image found, wanted a list of ids; add one"]))
    return numbers


def random_ids(
    ids: Collection[str], fraction: float, seed: int, groups: Mapping[str, str] | None = None
) -> dict[str, int]:
    """{id of a test image: its number}: round(fraction * number of images), at least one, the others train.

    groups: {image id: group}, which are never divided: whole groups test, in random order as long as they fit into that
    number, and at least the smallest one. InputError with fewer than three images or groups.
    """
    if len(ids) < 3:
        raise InputError(
            f"raw data: {len(ids)} images found, wanted 3 at least, to train, validate and test; add images"
        )
    count = min(max(1, round(fraction * len(ids))), len(ids) - 2)
    if groups is None:
        chosen = sorted(random.Random(seed).sample(sorted(ids), count))
    else:
        images = by_group(ids, groups)
        if len(images) < 3:
            raise InputError(
                f"raw data: {len(images)} groups of images found, wanted 3 at least, to train, validate and test; "
                "add images"
            )
        order = random.Random(seed).sample(sorted(images), len(images))
        chosen = sorted(id_ for name in chosen_groups(order, images, count, left=2) for id_ in images[name])
    return {id_: number for number, id_ in enumerate(chosen, 1)}


def unique(names: Iterable[str]) -> list[str]:
    """The names, printable, each once: a second one of the same name gets a number."""
    result: dict[str, None] = {}
    for name in names:
        name = "".join(char if char.isprintable() else "?" for char in name)
        numbered = (f"{name} #{number}" for number in itertools.count(2))
        result[name if name not in result else next(new for new in numbered if new not in result)] = None
    return list(result)


@dataclass(frozen=True)
class Job:
    """One image to be imported: where it belongs and which files it becomes."""

    image: FoundImage
    set: Set
    name: str  # of its file, from the data set's folder on
    target: Path  # PNG to write
    nuclei_file: Path | None  # masks.json to write, where its nuclei are known


def printable(name: str) -> str:
    """A category as one line: spaces of any kind are one space, and what cannot be printed is left out."""
    return "".join(filter(str.isprintable, " ".join(name.split())))


def write_picture(picture: Picture, source: Path, target: Path) -> None:
    """Write an image as PNG; `source`, its file, is copied where it is one with these very values."""
    with whole_file(target) as temporary:
        if picture.as_it_is:
            shutil.copyfile(source, temporary)
            return
        array = picture.array if picture.array.ndim == 2 else cv2.cvtColor(picture.array, cv2.COLOR_RGB2BGR)
        temporary.write_bytes(cv2.imencode(".png", array)[1].tobytes())


def import_image(job: Job, classes: Sequence[str]) -> tuple[ImportedImage | None, list[str]]:
    """Write one image and its nuclei. classes: as for import_data; a nucleus of another one keeps its category.

    Returns (row of imported.json, problem lines); the row is None where there are problems.
    """
    image = job.image
    try:
        picture = read_picture(image.file)
        height, width = picture.array.shape[:2]
        nuclei, notes = image.nuclei(width, height) if image.nuclei and job.nuclei_file else ([], [])
    except InputError as error:
        return None, error.problems
    write_picture(picture, image.file, job.target)
    if job.nuclei_file:
        names = unique(nucleus.name for nucleus in nuclei)
        codes = [encode_part(found.part, found.left, found.top, (width, height)) for found in nuclei]
        categories = [printable(found.category) or NUCLEUS for found in nuclei]
        known = {class_key(name): name for name in classes}
        only = classes[0] if len(classes) == 1 else None
        written = [only or known.get(class_key(name), name) for name in categories]
        write_nuclei(job.nuclei_file, list(zip(names, written, codes, strict=True)))
    return {
        "set": job.set,
        "id": image.id,
        "file": job.name,
        "width": width,
        "height": height,
        "pixel_size": image.pixel_size or picture.pixel_size,
        "pixels_sha256": pixels_sha256(picture.array),
        "changed": picture.said,
        "categories": dict(sorted(Counter(found.category for found in nuclei).items())),
        "notes": [list(note) for note in notes],
    }, []


def found_images(source: Source) -> tuple[str, list[FoundImage]]:
    """(format, images sorted by id) of a data set."""
    known = readers()
    name = choose(source.folder, source.format, known, source.otherwise)
    return name, sorted(known[name].read(source.folder), key=lambda image: image.id)


def split_sets(source: Source, choice: Choice) -> tuple[list[FoundImage], dict[str, int], str, str | None]:
    """(all images, {id of a test image: number}, format, format of the test images where they have their own)."""
    name, images = found_images(source)
    if not choice.source:
        check_ids(images)
        ids = [image.id for image in images]
        if choice.file:
            return images, listed_ids(choice.file, ids), name, None
        groups = read_groups(*choice.groups, ids, "raw.groups.column") if choice.groups else None
        numbers = random_ids(ids, choice.fraction, choice.seed, groups)
        return images, numbers, name, None
    test_name, others = found_images(choice.source)
    check_ids(images, others)
    ids = [image.id for image in others]
    numbers = listed_ids(choice.file, ids) if choice.file else {id_: number for number, id_ in enumerate(ids, 1)}
    return images + [image for image in others if image.id in numbers], numbers, name, test_name


def jobs_of(
    images: Collection[FoundImage], tests: Collection[str], source: Source, choice: Choice, out: Path
) -> list[Job]:
    """What is to be written of which image. tests: ids of the test images. InputError where nuclei are not known."""
    problems = [
        f"{image.file}: no nuclei are known of this {'test' if image.id in tests else 'training'} image, wanted its "
        f"annotations; add them or {'set raw.test.masks: false' if image.id in tests else 'remove the image'}"
        for image in images
        if image.nuclei is None and (image.id not in tests or choice.masks)
    ]
    count = sum(image.id not in tests for image in images)
    if count < 2:
        problems.append(f"{source.folder}: {count} training images found, wanted 2 at least; add some")
    if problems:
        raise InputError(*capped(problems, source.folder))
    jobs: list[Job] = []
    for image in images:
        if image.id in tests:
            root = choice.source.folder if choice.source else source.folder
            target, masks = out / "dataset/test", out / "test_masks" if choice.masks else None
        else:
            root = source.folder
            target, masks = out / "dataset/train" / image.id / "images", out / "dataset/train"
        nuclei = masks / image.id / MASKS_FILE if masks else None
        part: Set = "test" if image.id in tests else "train"
        jobs.append(Job(image, part, str(image.file.relative_to(root)), target / f"{image.id}.png", nuclei))
    return jobs


def class_problems(rows: Iterable[ImportedImage], classes: Sequence[str]) -> list[str]:
    """A line for each class of the data that is not among several classes. rows: of imported.json."""
    numbers: Mapping[str, int] = class_numbers(classes)
    found: dict[str, list[tuple[ImportedImage, str, int]]] = {}
    for row in rows:
        for name, count in row["categories"].items():
            if class_key(name) not in numbers:
                found.setdefault(class_key(name), []).append((row, name, count))
    return [
        f"{own[0][0]['file']}: nuclei of the class {own[0][1]!r} found, {sum(count for *_, count in own)} in "
        f"{len({row['id'] for row, *_ in own})} images, wanted one of {', '.join(classes)}; add it to raw.classes, or "
        "correct the data"
        for own in found.values()
    ]


@contextlib.contextmanager
def named(places: Mapping[Path, str]) -> Iterator[None]:
    """Within the block an InputError names data as the user does, and not by the folder that they were unpacked into.

    places: {folder: path or URL that the user gave}.
    """
    try:
        yield
    except InputError as error:
        problems = error.problems
        for folder, source in places.items():
            problems = [problem.replace(str(folder), source) for problem in problems]
        raise InputError(*problems) from None


def import_data(
    source: Source, choice: Choice, out: Path, classes: Sequence[str] = CLASSES, threads: int = 1
) -> Imported:
    """Write out/dataset and out/test_masks (only with choice.masks), and return the content of imported.json.

    classes: the classes of nuclei. All nuclei are of a single one, whatever their category; of several each nucleus has
    the one that its category names. threads: number of processes. InputError with all problems of all images, with each
    class that is none of several, or where a training image, or with choice.masks a test image, has no known nuclei.
    """
    images, numbers, name, test_name = split_sets(source, choice)
    jobs = jobs_of(images, numbers, source, choice, out)
    rows: dict[str, ImportedImage] = {}
    problems: list[str] = []
    progress = Progress("import", len(jobs), "images")
    with ProcessPoolExecutor(threads) as pool:
        for row, found in pool.map(partial(import_image, classes=classes), jobs):
            problems += found
            progress.step()
            if row:
                rows[row["id"]] = row
    progress.close()
    problems += class_problems(rows.values(), classes) if len(classes) > 1 and not problems else []
    if problems:
        raise InputError(*capped(problems, source.folder))
    ids = [
        {"file_name": f"{id_}.png", "height": rows[id_]["height"], "id": number, "width": rows[id_]["width"]}
        for id_, number in numbers.items()
    ]
    write_json(out / "dataset" / IDS_FILE, ids)
    write_pixel_sizes(out / "dataset", {id_: row["pixel_size"] for id_, row in rows.items()})
    counts = Counter(note[1] for row in rows.values() for note in row["notes"])
    report: Imported = {
        "format": name,
        "test_format": test_name,
        "found_by_itself": source.format == AUTO,
        "images": list(rows.values()),
        "notes": dict(sorted(counts.items())),
    }
    if len(classes) > 1:
        report["classes"] = list(classes)
    return report
