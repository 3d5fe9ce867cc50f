"""The check of a raw data set: every image and mask read, counts beside the expected ones, overlaps."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from nuclei.common.progress import Progress
from nuclei.common.stage import InputError
from nuclei.data.masks import image_size, read_mask, read_nucleus
from nuclei.data.raw_layout import read_layout, read_test_ids
from nuclei.data.splits import given_split

COUNTS = ("train", "test", "setting1_train", "setting1_validation")


def check_image(image):
    """Read an image and all its masks.

    Returns (row, problems): {"set", "id", "file", "number", "width", "height", "nuclei", "median_area",
    "overlaps": [[mask, mask, pixels]]} and problem lines. Areas in px.
    """
    problems, areas, overlaps, seen = [], [], [], []
    try:
        width, height = image_size(image)
    except InputError as error:
        return None, error.problems
    count = np.zeros((height, width), np.uint16)
    for path in image.masks:
        try:
            part, left, top, _ = read_nucleus(path, (width, height))
        except InputError as error:
            problems += error.problems
            continue
        right, bottom = left + part.shape[1], top + part.shape[0]
        areas.append(int(np.count_nonzero(part)))
        if count[top:bottom, left:right][part].any():
            for other, box in seen:
                if box[0] < right and left < box[2] and box[1] < bottom and top < box[3]:
                    shared = int(np.count_nonzero(part & read_mask(other)[top:bottom, left:right]))
                    if shared:
                        overlaps.append([other.name, path.name, shared])
        count[top:bottom, left:right] += part
        seen.append((path, (left, top, right, bottom)))
    row = {
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


def check_sizes(rows, dataset):
    """Problem lines for test images whose size differs from test_img_ids.json."""
    wanted = read_test_ids(Path(dataset) / "test_img_ids.json", [])
    return [
        f"{dataset}/test/{row['file']}: {row['width']}x{row['height']} px found, wanted "
        f"{wanted[row['file']][1]}x{wanted[row['file']][2]} as in test_img_ids.json; correct one"
        for row in rows
        if row["set"] == "test" and wanted[row["file"]][1:] != (row["width"], row["height"])
    ]


def counts(rows, split=None):
    """Nuclei in all: {"train", "test"} and, with a split, {"setting1_train", "setting1_validation"}."""
    found = {name: sum(row["nuclei"] for row in rows if row["set"] == name) for name in ("train", "test")}
    if split:
        for half in ("train", "validation"):
            found[f"setting1_{half}"] = sum(
                row["nuclei"] for row in rows if row["set"] == "train" and row["id"] in split.get(half, [])
            )
    return found


def compare(found, expected, test_masks):
    """{name: {"found", "expected", "equal"}} of expected counts; those that cannot be made here are left out."""
    return {
        name: {"found": found[name], "expected": count, "equal": found[name] == count}
        for name, count in expected.items()
        if name in found and (name != "test" or test_masks)
    }


def summary(result):
    """The readable form (Markdown) of the outcome."""
    lines, different = [], [name for name, row in result["comparison"].items() if not row["equal"]]
    if different:
        lines = [f"**WARNING: counts differ from the expected ones: {', '.join(different)}** (see below)", ""]
    lines += ["| set | image | size, px | nuclei | median area, px |", "|---|---|---|---|---|"]
    for row in result["images"]:
        area = "" if row["median_area"] is None else f"{row['median_area']:.0f}"
        nuclei = row["nuclei"] if row["nuclei"] or row["set"] == "train" else "no masks"
        lines.append(f"| {row['set']} | {row['id']} | {row['width']}x{row['height']} | {nuclei} | {area} |")
    lines += ["", "| count of nuclei | found | expected |", "|---|---|---|"]
    for name, found in result["counts"].items():
        row = result["comparison"].get(name, {"expected": "", "equal": True})
        lines.append(f"| {name} | {found} | {row['expected']}{'' if row['equal'] else ' **differs**'} |")
    lines += ["", f"Files ignored: {len(result['ignored'])}", ""]
    lines += [f"- `{file}` ({reason})" for file, reason in result["ignored"]]
    overlaps = sum(len(row["overlaps"]) for row in result["images"])
    lines += [f"\nPairs of overlapping nuclei: {overlaps}"]
    return "\n".join(lines) + "\n"


def check(dataset, test_masks=None, allow_overlap=False, expected=None, split=None, split_file="split", threads=1):
    """Check a raw data set, and a split of it (content of `split_file`) where given; see the module.

    Raises InputError with every problem found.
    """
    images, ignored, problems = read_layout(dataset, test_masks)
    progress = Progress("check", sum(len(image.masks) for image in images), "masks")
    rows = []
    with ProcessPoolExecutor(threads) as pool:
        for image, (row, found) in zip(images, pool.map(check_image, images), strict=True):
            problems += found
            progress.step(len(image.masks))
            if row:
                rows.append(row)
    progress.close()
    problems += check_sizes(rows, dataset)
    if split is not None:
        try:
            split = given_split([image.id for image in images if image.set == "train"], split, split_file)
        except InputError as error:
            problems += error.problems
    for row in rows if not allow_overlap else []:
        for one, other, pixels in row["overlaps"]:
            problems.append(
                f"{row['id']}: {one} and {other} overlap in {pixels} px, wanted none; "
                "correct the masks or set raw.allow_overlap: true"
            )
    if problems:
        raise InputError(*problems)
    roots = [Path(dataset), *([Path(test_masks)] if test_masks else [])]

    def relative(path):
        return next(str(path.relative_to(root.parent)) for root in roots if path.is_relative_to(root))

    found = counts(rows, split)
    return {
        "images": rows,
        "ignored": [[relative(path), reason] for path, reason in ignored],
        "counts": found,
        "comparison": compare(found, expected or {}, test_masks),
        "test_masks": bool(test_masks),
    }


def parse_expected(pairs):
    """{"train": 14598} from ["train=14598"]."""
    try:
        expected = {name: int(count) for name, count in (pair.split("=") for pair in pairs)}
    except ValueError:
        raise InputError(f"--expected {' '.join(pairs)}: wanted name=count, as in train=14598; correct it") from None
    unknown = sorted(set(expected) - set(COUNTS))
    if unknown:
        raise InputError(f"--expected: {', '.join(unknown)} found, wanted one of {', '.join(COUNTS)}; correct it")
    return expected
