"""The check of a raw data set before any work: every image and every mask is read.

It finds files that cannot be read, masks of the wrong size or with other values than two, and nuclei that overlap, and
shows the number of nuclei beside the expected one.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np

from nuclei.common.markdown import Markdown, code, escape, table_lines
from nuclei.common.progress import Progress
from nuclei.common.stage import InputError, capped
from nuclei.data.masks import image_size, read_mask, read_nucleus
from nuclei.data.raw_layout import Mask, RawImage, read_layout, read_test_ids
from nuclei.data.splits import Half, Split, given_split

Part = Literal["train", "test", "test_masks"]
COUNTS = ("train", "test", "setting1_train", "setting1_validation")


class ImageRow(TypedDict):
    """One row of `images` in raw.json: an image and what its masks hold. Lengths and areas in px."""

    set: Literal["train", "test"]
    id: str
    file: str
    number: int
    width: int
    height: int
    nuclei: int
    median_area: float | None  # of the nuclei; None without masks
    overlaps: list[list[Any]]  # [mask file, mask file, pixels that they share]


class PartReport(TypedDict):
    """Content of checked/<part>.json."""

    images: list[ImageRow]
    ignored: list[list[str]]  # [file, reason]


class Comparison(TypedDict):
    """A count of nuclei beside the expected one."""

    found: int
    expected: int
    equal: bool


class RawReport(TypedDict):
    """Content of raw.json."""

    images: list[ImageRow]
    ignored: list[list[str]]  # [file, reason]
    counts: dict[str, int]
    comparison: dict[str, Comparison]
    test_masks: bool


def check_image(image: RawImage) -> tuple[ImageRow | None, list[str]]:
    """Read one image and all its masks, and find which masks overlap.

    Returns (row, problem lines); the row is None where the image itself cannot be read.
    """
    problems: list[str] = []
    areas: list[int] = []
    overlaps: list[list[Any]] = []
    seen: list[tuple[Mask, tuple[int, int, int, int]]] = []
    try:
        width, height = image_size(image)
    except InputError as error:
        return None, error.problems
    count, large = np.zeros((height, width), np.uint16), 0
    for path in image.masks:
        try:
            part, left, top, _ = read_nucleus(path, (width, height))
        except InputError as error:
            problems += error.problems
            continue
        right, bottom = left + part.shape[1], top + part.shape[0]
        areas.append(int(np.count_nonzero(part)))
        large += areas[-1] * 2 > width * height
        seen_inverted = large > 1 and large * 2 > len(areas)  # all of them overlap, which says nothing
        if not seen_inverted and count[top:bottom, left:right][part].any():
            for other, box in seen:
                if box[0] < right and left < box[2] and box[1] < bottom and top < box[3]:
                    shared = int(np.count_nonzero(part & read_mask(other)[top:bottom, left:right]))
                    if shared:
                        overlaps.append([other.name, path.name, shared])
        count[top:bottom, left:right] += part
        seen.append((path, (left, top, right, bottom)))
    if large > 1 and large * 2 > len(areas):
        problems.append(
            f"{image.file}: {large} of {len(areas)} masks cover more than half of the image, wanted nuclei 255 on 0; "
            "invert the masks"
        )
        overlaps = []
    row: ImageRow = {
        "set": image.set,
        "id": image.id,
        "file": image.file.name,
        "number": image.number,
        "width": width,
        "height": height,
        "nuclei": len(areas),
        "median_area": float(np.median(areas)) if areas else None,
        "overlaps": overlaps,
    }
    return row, problems


def check_sizes(rows: Iterable[ImageRow], dataset: Path | str) -> list[str]:
    """A problem line for each test image whose size is not the one in test_img_ids.json."""
    wanted = read_test_ids(Path(dataset) / "test_img_ids.json", [])
    return [
        f"{dataset}/test/{row['file']}: {row['width']}x{row['height']} px found, wanted "
        f"{wanted[row['file']][1]}x{wanted[row['file']][2]} as in test_img_ids.json; correct one"
        for row in rows
        if row["set"] == "test" and wanted[row["file"]][1:] != (row["width"], row["height"])
    ]


def counts(rows: Sequence[ImageRow], split: Split | None = None) -> dict[str, int]:
    """Numbers of nuclei: of `train` and `test`, and with a split also of `setting1_train` and `setting1_validation`."""
    found = {name: sum(row["nuclei"] for row in rows if row["set"] == name) for name in ("train", "test")}
    if split:
        half: Half
        for half in ("train", "validation"):
            found[f"setting1_{half}"] = sum(
                row["nuclei"] for row in rows if row["set"] == "train" and row["id"] in split.get(half, [])
            )
    return found


def compare(found: Mapping[str, int], expected: Mapping[str, int], test_masks: bool) -> dict[str, Comparison]:
    """Each expected count beside the found one.

    Left out are counts that these data cannot give, because there is no split or there are no test masks.
    """
    return {
        name: {"found": found[name], "expected": count, "equal": found[name] == count}
        for name, count in expected.items()
        if name in found and (name != "test" or test_masks)
    }


def summary(result: RawReport) -> str:
    """The content of raw.json as Markdown, for people."""
    lines: list[str] = []
    different = [name for name, row in result["comparison"].items() if not row["equal"]]
    if different:
        lines = [f"**WARNING: counts differ from the expected ones: {', '.join(different)}** (see below)", ""]
    rows: list[list[object]] = []
    for row in result["images"]:
        area = "" if row["median_area"] is None else f"{row['median_area']:.0f}"
        nuclei = row["nuclei"] if row["set"] == "train" or result["test_masks"] else "no masks"
        rows.append([row["set"], row["id"], f"{row['width']}x{row['height']}", nuclei, area])
    lines += table_lines(["set", "image", "size, px", "nuclei", "median area, px"], rows)
    rows = []
    for name, found in result["counts"].items():
        beside = result["comparison"].get(name)
        expected = Markdown(f"{beside['expected']}{'' if beside['equal'] else ' **differs**'}" if beside else "")
        rows.append([name, found, expected])
    lines += ["", *table_lines(["count of nuclei", "found", "expected"], rows)]
    lines += ["", f"Files ignored: {len(result['ignored'])}", ""]
    lines += [f"- {code(file)} ({escape(reason)})" for file, reason in result["ignored"]]
    overlaps = sum(len(row["overlaps"]) for row in result["images"])
    lines += [f"\nPairs of overlapping nuclei: {overlaps}"]
    return "\n".join(lines) + "\n"


def part_images(part: Part, images: Sequence[RawImage]) -> list[RawImage]:
    """The images that belong to a part, with the masks that belong to it."""
    if part == "test":
        return [replace(image, masks=[]) for image in images if image.set == "test"]
    return [image for image in images if image.set == ("train" if part == "train" else "test")]


def check_part(
    part: Part,
    dataset: Path | str,
    test_masks: Path | str | None = None,
    allow_overlap: bool = False,
    threads: int = 1,
) -> PartReport:
    """Read every image of a part of the raw data, with its masks.

    part: `train` (training images and masks), `test` (test images alone) or `test_masks` (the same images with their
    masks). The layout is looked at as a whole, so that its problems in all parts are shown together. Returns the
    content of checked/<part>.json. Raises InputError with every problem found.
    """
    images, ignored, problems = read_layout(dataset, test_masks)
    own, rows = part_images(part, images), []
    progress = Progress(f"check of {part.replace('_', ' ')}", sum(max(1, len(image.masks)) for image in own), "files")
    with ProcessPoolExecutor(threads) as pool:
        for image, (row, found) in zip(own, pool.map(check_image, own), strict=True):
            problems += found
            progress.step(max(1, len(image.masks)))
            if row:
                rows.append(row)
    progress.close()
    problems += check_sizes(rows, dataset) if part == "test" else []
    if part == "train" and not problems and not any(row["nuclei"] for row in rows):
        problems.append(
            f"{Path(dataset) / 'train'}: {len(rows)} images without a nucleus found, wanted a mask in one at least, to "
            "learn from; add masks"
        )
    overlapping = [
        f"{row['id']}: {one} and {other} overlap in {pixels} px, wanted none; "
        "correct the masks or set raw.allow_overlap: true"
        for row in rows
        for one, other, pixels in row["overlaps"]
    ]
    problems += [] if allow_overlap else capped(overlapping, dataset)
    if problems:
        raise InputError(*problems)
    roots = {Path(dataset): "dataset", **({Path(test_masks): "test_masks"} if test_masks else {})}

    def named(path: Path) -> str:
        return next(f"{name}/{path.relative_to(root)}" for root, name in roots.items() if path.is_relative_to(root))

    return {"images": rows, "ignored": [[named(path), reason] for path, reason in ignored]}


def join(
    reports: Mapping[str, PartReport], expected: Mapping[str, int] | None = None, halves: Split | None = None
) -> RawReport:
    """Content of raw.json: the parts together, with the numbers of nuclei beside the expected ones.

    reports: content of checked/<part>.json by part, test_masks only where there are some. expected: numbers of nuclei
    by the names in COUNTS. halves: the split of the training images.
    """
    rows = [*reports["train"]["images"], *reports["test_masks" if "test_masks" in reports else "test"]["images"]]
    ignored = {tuple(row): None for report in reports.values() for row in report["ignored"]}
    nuclei = counts(rows, halves)
    return {
        "images": rows,
        "ignored": [list(row) for row in ignored],
        "counts": nuclei,
        "comparison": compare(nuclei, expected or {}, "test_masks" in reports),
        "test_masks": "test_masks" in reports,
    }


def check(
    dataset: Path | str,
    test_masks: Path | str | None = None,
    allow_overlap: bool = False,
    expected: Mapping[str, int] | None = None,
    split: Any = None,
    split_file: Path | str = "split",
    threads: int = 1,
) -> RawReport:
    """Check a whole raw data set, and a split of its training images where one is given.

    dataset: folder with train/, test/ and test_img_ids.json. test_masks: folder with <id>/masks/. allow_overlap:
    overlapping nuclei are only listed. expected: numbers of nuclei by the names in COUNTS. split: content of
    `split_file`, or None. threads: number of processes. Returns the content of raw.json. Raises InputError with every
    problem found; a count that is not the expected one is no problem.
    """
    parts: list[Part] = ["train", "test", "test_masks"] if test_masks else ["train", "test"]
    reports: dict[str, PartReport] = {}
    problems: dict[str, None] = {}
    for part in parts:
        try:
            reports[part] = check_part(part, dataset, test_masks, allow_overlap, threads)
        except InputError as error:
            problems |= dict.fromkeys(error.problems)
    halves = None
    if split is not None and "train" in reports:
        try:
            halves = given_split([row["id"] for row in reports["train"]["images"]], split, split_file)
        except InputError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise InputError(*problems)
    return join(reports, expected, halves)


def parse_expected(pairs: Sequence[str]) -> dict[str, int]:
    """Expected counts from a command line: {"train": 14598} from ["train=14598"].

    InputError where a pair has another form or names none of COUNTS.
    """
    try:
        expected = {name: int(count) for name, count in (pair.split("=") for pair in pairs)}
    except ValueError:
        raise InputError(f"--expected {' '.join(pairs)}: wanted name=count, as in train=14598; correct it") from None
    unknown = sorted(set(expected) - set(COUNTS))
    if unknown:
        raise InputError(f"--expected: {', '.join(unknown)} found, wanted one of {', '.join(COUNTS)}; correct it")
    return expected
