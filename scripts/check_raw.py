"""Check the whole raw data set before any work; all problems are shown at once.

Outcome: a JSON (images, nuclei, what was ignored and why, counts beside the expected ones) and a readable summary.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import yaml

from nuclei.progress import Progress
from nuclei.raw import bounding_box, read_layout, read_mask
from nuclei.stage import InputError, run_stage, write_json, write_text


def check_image(image):
    """Read an image and all its masks.

    Returns (row, problems): {"set", "id", "file", "number", "width", "height", "nuclei", "median_area",
    "overlaps": [[mask, mask, pixels]]} and problem lines. Areas in px.
    """
    problems, areas, overlaps, seen = [], [], [], []
    try:
        array = cv2.imread(str(image.file), cv2.IMREAD_COLOR)
    except cv2.error:
        array = None
    if array is None:
        return None, [f"{image.file}: not a readable PNG, wanted an image; export it again"]
    height, width = array.shape[:2]
    count = np.zeros((height, width), np.uint16)
    for path in image.masks:
        try:
            mask = read_mask(path)
        except InputError as error:
            problems += error.problems
            continue
        if mask.shape != (height, width):
            size = f"{mask.shape[1]}x{mask.shape[0]}"
            problems.append(f"{path}: {size} px found, wanted {width}x{height} as its image; export it again")
            continue
        left, top, right, bottom = bounding_box(mask)
        part = mask[top:bottom, left:right]
        areas.append(int(np.count_nonzero(part)))
        if count[top:bottom, left:right][part].any():
            for other, box in seen:
                if box[0] < right and left < box[2] and box[1] < bottom and top < box[3]:
                    shared = int(np.count_nonzero(mask & read_mask(other)))
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
    from nuclei.raw import read_test_ids

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


def summary(result):
    """The readable form (Markdown) of the outcome."""
    lines = ["| set | image | size, px | nuclei | median area, px |", "|---|---|---|---|---|"]
    for row in result["images"]:
        area = "" if row["median_area"] is None else f"{row['median_area']:.0f}"
        nuclei = row["nuclei"] if row["nuclei"] or row["set"] == "train" else "no masks"
        lines.append(f"| {row['set']} | {row['id']} | {row['width']}x{row['height']} | {nuclei} | {area} |")
    lines += ["", "| count of nuclei | found | expected |", "|---|---|---|"]
    for name, found in result["counts"].items():
        expected = result["expected"].get(name)
        mark = "" if expected is None else f"{expected}{'' if expected == found else ' **differs**'}"
        lines.append(f"| {name} | {found} | {mark} |")
    lines += ["", f"Files ignored: {len(result['ignored'])}", ""]
    lines += [f"- `{file}` ({reason})" for file, reason in result["ignored"]]
    overlaps = sum(len(row["overlaps"]) for row in result["images"])
    lines += [f"\nPairs of overlapping nuclei: {overlaps}"]
    return "\n".join(lines) + "\n"


def check(dataset, test_masks=None, allow_overlap=False, expected=None, split=None, threads=1):
    """Check a raw data set; see the module. Raises InputError with every problem found."""
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

    return {
        "images": rows,
        "ignored": [[relative(path), reason] for path, reason in ignored],
        "counts": counts(rows, split),
        "expected": expected or {},
        "test_masks": bool(test_masks),
    }


def parse_expected(pairs):
    """{"train": 14598} from ["train=14598"]."""
    try:
        return {name: int(count) for name, count in (pair.split("=") for pair in pairs)}
    except ValueError:
        raise InputError(f"--expected {' '.join(pairs)}: wanted name=count, as in train=14598; correct it") from None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, help="folder with train/, test/, test_img_ids.json")
    parser.add_argument("--test-masks", help="folder with <id>/masks/*.png of the test images")
    parser.add_argument("--allow-overlap", action="store_true", help="overlapping nuclei are counted, not refused")
    parser.add_argument("--split", help="split file, to count the nuclei of its halves")
    parser.add_argument(
        "--expected", nargs="*", default=[], metavar="NAME=COUNT", help="counts shown beside the found ones"
    )
    parser.add_argument("--threads", type=int, default=1, help="processes")
    parser.add_argument("--out", required=True, help="raw.json")
    parser.add_argument("--summary", required=True, help="raw.md")
    args = parser.parse_args()
    split = yaml.safe_load(Path(args.split).read_text()) if args.split else None
    result = check(
        args.dataset, args.test_masks, args.allow_overlap, parse_expected(args.expected), split, args.threads
    )
    write_json(args.out, result)
    write_text(args.summary, summary(result))
    for name, found in result["counts"].items():
        expected = result["expected"].get(name)
        if expected is not None and expected != found:
            print(f"warning: {name}: {found} nuclei found, {expected} in the report")


if __name__ == "__main__":
    run_stage(main)
