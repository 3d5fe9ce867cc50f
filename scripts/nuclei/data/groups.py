"""Groups of images (organs, slides, patients), which no random choice divides.

Images of a group look alike: a model that saw one is not tested by another one.
"""

import csv
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from nuclei.common.stage import InputError, refuse


def read_groups(path: Path | str, column: str, ids: Collection[str], key: str = "folds.column") -> dict[str, str]:
    """{image id: group} of a table with the columns `image` and `column`, for these images.

    path: CSV, or TSV where the name ends in .tsv; other columns and images may stand in it. Spaces around a name and
    the form of its letters (an é as one character or as two) count for nothing, and lines without any value neither.
    key: of the config that names the column. Raises InputError where it cannot be read, lacks a column or an image, or
    gives an image twice.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, delimiter="\t" if str(path).lower().endswith(".tsv") else ",")
            rows, columns = list(table), list(table.fieldnames or [])
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error}), wanted a table of groups; check the path") from None
    lacking = [name for name in ("image", column) if name not in columns]
    if lacking:
        one = len(columns) == 1 and any(mark in columns[0] for mark in ",;\t")
        advice = "separate columns by commas (in .tsv by tabs)" if one else f"add it, or correct {key}"
        raise InputError(
            f"{path}: columns {', '.join(columns) or 'none'} found, wanted {' and '.join(lacking)}; {advice}"
        )
    found: dict[str, str] = {}
    problems = []
    wanted = {cleaned(id_): id_ for id_ in ids}
    for number, row in enumerate(rows, 2):
        image, group = cleaned(row["image"]), cleaned(row[column])
        if not image and not group:
            continue
        if image in found:
            problems.append(f"{path}: line {number}: {image} found once more, wanted it once; remove a line")
        if image in wanted and not group:
            problems.append(f"{path}: line {number}: no {column} of {image} found, wanted one; add it")
        found[image] = group
    missing = sorted(id_ for name, id_ in wanted.items() if name not in found)
    problems += [f"{path}: {id_} not found, wanted its {column}; add a line" for id_ in missing]
    refuse(problems, path)
    return {id_: found[cleaned(id_)] for id_ in ids}


def cleaned(text: str | None) -> str:
    """A name without spaces around it, in one form of its letters (NFC)."""
    return unicodedata.normalize("NFC", (text or "").strip())


def by_group(ids: Collection[str], groups: Mapping[str, str] | None) -> dict[str, list[str]]:
    """{group: its image ids, sorted}. groups: {image id: group}, or None where each image stands for itself."""
    images: dict[str, list[str]] = defaultdict(list)
    for id_ in sorted(ids):
        images[id_ if groups is None else groups[id_]].append(id_)
    return images


def chosen_groups(order: Sequence[str], images: Mapping[str, Sequence[str]], wanted: int, left: int) -> list[str]:
    """Groups with at most `wanted` images together: each in turn that still fits; the smallest one if none does.

    order: of the groups. images: {group: image ids}. left: how many groups are not chosen, at least.
    """
    chosen: list[str] = []
    for group in order:
        if sum(len(images[name]) for name in [*chosen, group]) <= wanted and len(chosen) < len(order) - left:
            chosen.append(group)
    return chosen or [min(order, key=lambda name: len(images[name]))]
