"""The folds of a cross-validation: which training images each of them tests, trains on and validates on.

With groups (organs, slides, patients) all images of a group are in the same part of a fold, because images of a group
look alike: a model that saw one is not tested by another one. As many folds as groups leave one group out each time.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from typing import TypedDict

from nuclei.common.stage import InputError
from nuclei.data.groups import by_group, chosen_groups


class Fold(TypedDict):
    """Content of fold<n>.json: image ids of each part, sorted. groups: those that it tests; [] where there are none."""

    train: list[str]
    validation: list[str]
    test: list[str]
    groups: list[str]


def make_folds(
    ids: Collection[str], count: int, fraction: float, seed: int, groups: Mapping[str, str] | None = None
) -> list[Fold]:
    """So many folds, by a seed. Each image is tested in exactly one of them.

    ids: of the training images. groups: {image id: group}, or None where each image stands for itself. The groups are
    shuffled, and the largest first goes to the fold with the fewest images yet: without groups the numbers of images
    differ by one at most. Of the images that a fold does not test about `fraction` validate: whole groups in random
    order as long as they fit, and at least the smallest one.
    Raises InputError where there are too few images or groups.
    """
    what = "training images" if groups is None else "groups of training images"
    images = by_group(ids, groups)
    if count > len(images):
        raise InputError(
            f"folds.count: {count} found, wanted at most {len(images)}, the number of {what}; lower it or add images"
        )
    shuffled = sorted(images)
    random.Random(seed).shuffle(shuffled)
    parts: list[list[str]] = [[] for _ in range(count)]
    for group in sorted(shuffled, key=lambda name: -len(images[name])):
        min(parts, key=lambda part: sum(len(images[name]) for name in part)).append(group)
    return [_fold(number, part, images, fraction, seed, groups is not None) for number, part in enumerate(parts, 1)]


def _fold(
    number: int, tested: Sequence[str], images: Mapping[str, list[str]], fraction: float, seed: int, named: bool
) -> Fold:
    """The fold that tests these groups. images: {group: image ids}. named: whether groups are more than images."""
    rest = sorted(set(images) - set(tested))
    if len(rest) < 2:
        raise InputError(
            f"folds.count: fold {number} leaves {len(rest)} {'group' if named else 'image'} to train and validate on, "
            "wanted 2 at least; raise it or add images"
        )
    random.Random(f"{seed} {number}").shuffle(rest)
    wanted = max(1, round(fraction * sum(len(images[group]) for group in rest)))
    chosen = chosen_groups(rest, images, wanted, left=1)

    def ids(names: Collection[str]) -> list[str]:
        return sorted(id_ for name in names for id_ in images[name])

    return {
        "train": ids(set(rest) - set(chosen)),
        "validation": ids(chosen),
        "test": ids(tested),
        "groups": sorted(tested) if named else [],
    }
