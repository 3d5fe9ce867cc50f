"""The split of setting 1: which training images train, and which validate."""

import random
from collections.abc import Collection, Mapping
from pathlib import Path
from reprlib import repr as short
from typing import Any, Literal

from nuclei.common.stage import InputError
from nuclei.data.groups import by_group, chosen_groups

Half = Literal["train", "validation"]
Split = dict[Half, list[str]]  # content of split.json and of a split file: the ids of the images in both halves


def given_split(ids: Collection[str], split: Any, file: Path | str) -> Split:
    """Check a split that a file gives, and return it with sorted ids.

    ids: of all training images. split: content of the file, which may be anything. InputError names every id that is
    unknown, missing, named twice or in both halves.
    """
    halves = list(split.values()) if isinstance(split, dict) and set(split) == {"train", "validation"} else [None]
    if not all(isinstance(half, list) and all(isinstance(id_, str) for id_ in half) for half in halves):
        wanted = "two lists of image ids (text; numbers in quotes), train and validation"
        raise InputError(f"{file}: {short(split)} found, wanted {wanted}; correct it")
    train, validation = split["train"], split["validation"]
    named = [*train, *validation]
    problems = [f"{file}: {id_} is no training image; remove it" for id_ in sorted(set(named) - set(ids))]
    problems += [f"{file}: {id_} is in neither half; add it" for id_ in sorted(set(ids) - set(named))]
    problems += [
        f"{file}: {id_} is in both halves, wanted one; remove it from the other"
        for id_ in sorted(set(train) & set(validation))
    ]
    problems += [
        f"{file}: {id_} is named twice in {half}, wanted once; remove one"
        for half in ("train", "validation")
        for id_ in sorted({id_ for id_ in split[half] if split[half].count(id_) > 1})
    ]
    problems += [
        f"{file}: {half} is empty, wanted an image at least; add one"
        for half in ("train", "validation")
        if not split[half]
    ]
    if problems:
        raise InputError(*problems)
    return {"train": sorted(train), "validation": sorted(validation)}


def random_split(ids: Collection[str], fraction: float, seed: int, groups: Mapping[str, str] | None = None) -> Split:
    """A random split that depends only on ids, fraction and seed, not on the order of the ids.

    round(fraction * number of ids) images validate, but at least one; at least one image trains. groups: {image id:
    group}, which are never divided: whole groups validate, in random order as long as they fit into that number, and at
    least the smallest one. InputError unless 0 < fraction < 1 and there are two images, and two groups.
    """
    if not 0 < fraction < 1:
        raise InputError(f"split.validation_fraction: {fraction} found, wanted more than 0 and less than 1; correct it")
    if len(ids) < 2:
        raise InputError(f"split: {len(ids)} training image found, wanted 2 at least; add images")
    count = min(max(1, round(fraction * len(ids))), len(ids) - 1)
    if groups is None:
        validation = random.Random(seed).sample(sorted(ids), count)
    else:
        images = by_group(ids, groups)
        if len(images) < 2:
            raise InputError(f"split: {len(images)} group of training images found, wanted 2 at least; add images")
        order = random.Random(seed).sample(sorted(images), len(images))
        validation = [id_ for group in chosen_groups(order, images, count, left=1) for id_ in images[group]]
    return {"train": sorted(set(ids) - set(validation)), "validation": sorted(validation)}
