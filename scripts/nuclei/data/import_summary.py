"""What import_raw did, for the check's summary: the format, what was changed, what was lost, and the pixel sizes."""

import json
from collections import Counter
from collections.abc import Mapping
from statistics import median
from typing import Any

from nuclei.common.classes import class_key
from nuclei.common.markdown import code, escape, table_lines
from nuclei.data.left_out import LOST

MOST_DIFFERENCE = 0.2  # of the pixel sizes of training and test images, from which on it is a warning
SHOWN = 50  # rows of lost nuclei in the summary; imported.json has all


def pixel_sizes(imported: Mapping[str, Any]) -> dict[str, list[float]]:
    """{train, test: pixel sizes in µm} of the images that have one."""
    return {
        name: [row["pixel_size"] for row in imported["images"] if row["set"] == name and row["pixel_size"]]
        for name in ("train", "test")
    }


def size_warnings(imported: Mapping[str, Any]) -> list[str]:
    """A line where the median pixel sizes of training and test images differ by more than MOST_DIFFERENCE."""
    train, test = pixel_sizes(imported).values()
    if not train or not test:
        return []
    one, other = median(train), median(test)
    if max(one, other) / min(one, other) <= 1 + MOST_DIFFERENCE:
        return []
    return [
        f"pixel size: {one:g} µm in the training images and {other:g} µm in the test images found, wanted a difference "
        f"of {MOST_DIFFERENCE:.0%} at most; resize one of them"
    ]


def short_form(imported: Mapping[str, Any]) -> dict[str, Any]:
    """What raw.json says of imported.json: its keys without the rows of images, and the pixel size of each image."""
    kept = {key: value for key, value in imported.items() if key != "images"}
    return kept | {"pixel_sizes": {row["id"]: row["pixel_size"] for row in imported["images"]}}


def summary_lines(imported: Mapping[str, Any]) -> list[str]:
    """Lines of Markdown about an import."""
    how = "found by itself" if imported["found_by_itself"] else "as the config says"
    test = f"; test images: {code(imported['test_format'])}" if imported["test_format"] else ""
    lines = [f"\nFormat: {code(imported['format'])} ({how}){test}.", ""]
    if warnings := size_warnings(imported):
        lines = [*(f"**WARNING: {escape(line)}**" for line in warnings), *lines]
    if imported["notes"]:
        rows = [[kind, count, "left out" if kind in LOST else "kept"] for kind, count in imported["notes"].items()]
        lines += [*table_lines(["what happened to nuclei", "count", "nucleus"], rows), ""]
    gone = [[row["id"], *note] for row in imported["images"] for note in row["notes"] if note[1] in LOST]
    if gone:
        lines += [*table_lines(["image", "nucleus left out", "reason", "detail"], gone[:SHOWN]), ""]
        lines += [f"And {len(gone) - SHOWN} more (imported.json)."] if len(gone) > SHOWN else []
    changed = Counter(change for row in imported["images"] for change in row["changed"])
    lines += [f"- Images: {escape(change)}: {count}" for change, count in sorted(changed.items())]
    sizes = Counter((row["set"], row["pixel_size"]) for row in imported["images"] if row["pixel_size"])
    for (name, size), count in sorted(sizes.items()):
        lines.append(f"- Pixel size: {size:g} µm in {count} {'test' if name == 'test' else 'training'} images")
    categories: Counter[str] = Counter()
    for row in imported["images"]:
        categories.update(row["categories"])
    if len(categories) > 1:
        lines += [f"- Category {code(name)}: {count} nuclei" for name, count in sorted(categories.items())]
    return [*lines, *class_lines(imported, categories)]


def class_lines(imported: Mapping[str, Any], categories: Mapping[str, int]) -> list[str]:
    """What is to be said of the classes. categories: {name in the data: nuclei}."""
    classes = imported.get("classes", [])
    if not classes:
        named = ", ".join(json.dumps(name, ensure_ascii=False) for name in sorted(categories))
        advice = f"- All are one class; to tell them apart set {code(f'raw.classes: [{named}]')}."
        return [advice] if len(categories) > 1 else []
    return [f"**WARNING: {escape(line)}**" for line in class_warnings(imported)]


def class_warnings(imported: Mapping[str, Any]) -> list[str]:
    """A line for each class without a nucleus in the training or test images, where there are several classes."""
    lines = []
    for name in imported.get("classes", []):
        for part, what in (("train", "training"), ("test", "test")):
            rows = [row for row in imported["images"] if row["set"] == part]
            own = (row["categories"].items() for row in rows)
            count = sum(n for found in own for other, n in found if class_key(other) == class_key(name))
            known = part == "train" or any(row["categories"] for row in rows)
            if not count and known:
                lines.append(f"class {name}: no nucleus in the {what} images")
    return lines
