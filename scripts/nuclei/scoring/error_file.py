"""errors.csv, written and read, and its rows counted; apart from what finds them, so that figures need no masks."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict, cast

from nuclei.common.stage import InputError
from nuclei.scoring.error_kinds import DETECTION_KINDS, LARGE, NUCLEUS_KINDS, SMALL


class ErrorRow(TypedDict):
    """A nucleus or a detection, and what it is (nuclei.scoring.error_list).

    what: nucleus or detection. nucleus: id of its annotation, detection: number of its row in the predictions, from 0
    on; each None where there is none. iou: of the two. score: of the detection. x, y: centre of its box, px. area: px.
    border: whether it reaches the border of the image. crowded: whether a nucleus touches another one; None for a
    detection.
    """

    image_id: int
    file_name: str
    what: str
    kind: str
    nucleus: int | None
    detection: int | None
    iou: float
    score: float | None
    x: float
    y: float
    area: int
    border: bool
    crowded: bool | None


def size_of(area: int) -> str:
    """Name of a nucleus's size: small, medium or large."""
    return "small" if area < SMALL else "medium" if area < LARGE else "large"


def count_errors(rows: Sequence[ErrorRow]) -> dict[str, dict[str, dict[str, int]]]:
    """{what: {group: {kind: how many}}} of rows: of nuclei and detections, all and by size, border and crowding.

    Groups: all; small, medium, large (of the area); border, inside; and of nuclei crowded, alone.
    """
    counts: dict[str, dict[str, Counter[str]]] = {"nucleus": {}, "detection": {}}
    for row in rows:
        groups = ["all", size_of(row["area"]), "border" if row["border"] else "inside"]
        if row["crowded"] is not None:
            groups.append("crowded" if row["crowded"] else "alone")
        for group in groups:
            counts[row["what"]].setdefault(group, Counter())[row["kind"]] += 1
    kinds = {"nucleus": NUCLEUS_KINDS, "detection": DETECTION_KINDS}
    return {
        what: {group: {kind: found[kind] for kind in kinds[what]} for group, found in groups.items()}
        for what, groups in counts.items()
    }


def as_csv(rows: Sequence[ErrorRow]) -> str:
    """Text of errors.csv: the keys of ErrorRow as columns, nothing for None."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(ErrorRow.__annotations__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read_errors(path: Path | str) -> list[ErrorRow]:
    """The rows of an errors.csv. InputError where it is no such file."""
    kinds: dict[str, Callable[[str], object]] = {"image_id": int, "nucleus": int, "detection": int, "area": int}
    kinds |= dict.fromkeys(("iou", "score", "x", "y"), float)
    kinds |= dict.fromkeys(("border", "crowded"), lambda text: {"True": True, "False": False}[text])
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [
                {key: kinds.get(key, str)(row[key]) if row[key] else None for key in ErrorRow.__annotations__}
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path}: cannot be read ({error!r:.60}), wanted what score_instances.py writes") from None
    return cast("list[ErrorRow]", rows)
