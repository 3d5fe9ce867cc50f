"""The split: given files are checked whole, random ones follow ratio and seed."""

import pytest
import yaml
from conftest import ROOT

from nuclei.common.stage import InputError
from nuclei.data.splits import given_split, random_split

IDS = ["a", "b", "c", "d", "e", "f"]


def test_random_split_is_seeded_and_complete():
    one, same, other = random_split(IDS, 0.34, 5), random_split(IDS[::-1], 0.34, 5), random_split(IDS, 0.34, 6)
    assert one == same != other
    assert sorted(one["train"] + one["validation"]) == IDS
    assert len(one["validation"]) == 2


@pytest.mark.parametrize(("fraction", "count"), [(0.01, 1), (0.5, 3), (0.9, 5)])
def test_both_halves_hold_an_image(fraction, count):
    assert len(random_split(IDS, fraction, 0)["validation"]) == count


def test_one_image_cannot_be_split():
    with pytest.raises(InputError, match="wanted 2 at least"):
        random_split(["a"], 0.5, 0)


def test_all_problems_of_a_split_come_at_once():
    split = {"train": ["a", "b", "c", "x", "c"], "validation": ["a", "d"]}
    with pytest.raises(InputError) as caught:
        given_split(IDS, split, "s.yaml")
    assert caught.value.problems == [
        "s.yaml: x is no training image; remove it",
        "s.yaml: e is in neither half; add it",
        "s.yaml: f is in neither half; add it",
        "s.yaml: a is in both halves, wanted one; remove it from the other",
        "s.yaml: c is named twice in train, wanted once; remove one",
    ]


def test_the_reports_split():
    split = yaml.safe_load((ROOT / "config/splits/report.yaml").read_text())
    assert len(split["train"]) == 20
    assert len(split["validation"]) == 4
    assert given_split(split["train"] + split["validation"], split, "report.yaml")["validation"][0].startswith(
        "TCGA-21"
    )


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 17])
def test_fraction_must_lie_between_0_and_1(fraction):
    with pytest.raises(InputError, match="wanted more than 0 and less than 1"):
        random_split(IDS, fraction, 0)
