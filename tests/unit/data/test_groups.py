"""Random choices that divide no group: compared with all choices there are."""

import itertools

import numpy as np
import pytest

from nuclei.common.stage import InputError
from nuclei.data.splits import random_split
from nuclei.formats.importing import random_ids


def case(seed, least):
    """({image id: group}, fraction): at random, with `least` groups or more."""
    random = np.random.default_rng(seed)
    count = int(random.integers(least, 6))
    sizes = random.integers(1, 6, count)
    groups = {f"{name}{n}": f"g{name}" for name, size in enumerate(sizes) for n in range(size)}
    return groups, float(random.uniform(0.05, 0.9))


def unions(groups, left):
    """All sets of images that are whole groups, at least one, and leave so many groups."""
    names = sorted(set(groups.values()))
    for size in range(1, len(names) - left + 1):
        for chosen in itertools.combinations(names, size):
            yield {id_ for id_, group in groups.items() if group in chosen}


@pytest.mark.parametrize("seed", range(100))
def test_no_choice_divides_a_group(seed):
    groups, fraction = case(seed, 3)
    split = random_split(groups, fraction, seed, groups)
    tests = set(random_ids(groups, fraction, seed, groups))
    for chosen, left, most in ((set(split["validation"]), 1, len(groups) - 1), (tests, 2, len(groups) - 2)):
        possible = list(unions(groups, left))
        assert chosen in possible
        wanted = min(max(1, round(fraction * len(groups))), most)
        fitting = [union for union in possible if len(union) <= wanted]
        if fitting:  # no whole group more would fit
            assert chosen in fitting and not any(chosen < union for union in fitting)
        else:
            assert len(chosen) == min(map(len, possible))
    assert sorted(split["train"] + split["validation"]) == sorted(groups)
    assert random_split(sorted(groups)[::-1], fraction, seed, groups) == split


def test_groups_of_one_image_and_no_groups_choose_equally_many():
    ids = [f"i{n}" for n in range(20)]
    alone = {id_: id_ for id_ in ids}
    assert len(random_ids(ids, 0.25, 3, alone)) == len(random_ids(ids, 0.25, 3)) == 5
    assert len(random_split(ids, 0.25, 3, alone)["validation"]) == len(random_split(ids, 0.25, 3)["validation"]) == 5


def test_too_few_groups_are_refused():
    groups = {"a": "x", "b": "x", "c": "y"}
    with pytest.raises(InputError, match="2 groups of images found, wanted 3 at least"):
        random_ids(groups, 0.3, 0, groups)
    with pytest.raises(InputError, match="1 group of training images found, wanted 2 at least"):
        random_split(["a", "b"], 0.3, 0, groups)
