"""Folds of a cross-validation: every image is tested once, no group is divided, and a seed decides."""

import random
import re

import pytest

from nuclei.common.stage import InputError
from nuclei.data.folds import make_folds
from nuclei.data.groups import read_groups

IDS = [f"i{number:02}" for number in range(11)]
PARTS = ("train", "validation", "test")


def test_each_image_is_tested_once_and_in_one_part_of_each_fold():
    folds = make_folds(IDS, 4, 0.2, 3)
    assert sorted(id_ for fold in folds for id_ in fold["test"]) == IDS
    assert [len(fold["test"]) for fold in folds] == [3, 3, 3, 2]
    assert [len(fold["validation"]) for fold in folds] == [2, 2, 2, 2]
    for fold in folds:
        assert sorted(sum((fold[part] for part in PARTS), [])) == IDS
        assert fold["groups"] == []


def test_folds_are_seeded_and_do_not_depend_on_the_order_of_the_images():
    one, same, other = make_folds(IDS, 3, 0.2, 5), make_folds(IDS[::-1], 3, 0.2, 5), make_folds(IDS, 3, 0.2, 6)
    assert one == same != other
    assert len({tuple(fold["validation"]) for fold in one}) == 3


@pytest.mark.parametrize("seed", range(40))
def test_no_group_is_divided(seed):
    chosen = random.Random(seed)
    count = chosen.randint(3, 6)
    names = [f"g{number}" for number in range(count)]
    groups = {id_: name for id_, name in zip(IDS, names + chosen.choices(names, k=len(IDS) - count), strict=True)}
    folds = make_folds(IDS, chosen.randint(2, count - 1) if count > 3 else 3, 0.25, seed, groups)
    assert sorted(id_ for fold in folds for id_ in fold["test"]) == IDS
    for fold in folds:
        parts = [{groups[id_] for id_ in fold[part]} for part in PARTS]
        assert all(parts)
        assert sum(map(len, parts)) == count and set().union(*parts) == set(names)
        assert sorted(parts[2]) == fold["groups"]


def test_as_many_folds_as_groups_leave_one_group_out():
    groups = dict(zip(IDS, "aaaaaabbbcd", strict=True))
    folds = make_folds(IDS, 4, 0.2, 0, groups)
    assert sorted(fold["groups"] for fold in folds) == [["a"], ["b"], ["c"], ["d"]]
    # a fifth of the 5 to 10 other images: of 10 at most 2, so never the groups a and b
    assert {len(fold["validation"]) for fold in folds} <= {1, 2}


def test_groups_of_unequal_size_are_spread_by_their_images():
    groups = dict(zip(IDS, "aaaaabbbccd", strict=True))
    sizes = sorted(len(fold["test"]) for fold in make_folds(IDS, 2, 0.2, 1, groups))
    assert sizes == [5, 6]


@pytest.mark.parametrize(
    ("count", "groups", "message"),
    [
        (12, None, "folds.count: 12 found, wanted at most 11, the number of training images; lower it or add images"),
        (3, "aaaaaaabbbb", "folds.count: 3 found, wanted at most 2, the number of groups of training images; lower it"),
        (2, "aaaaaaabbbb", "folds.count: fold 1 leaves 1 group to train and validate on, wanted 2 at least; raise it"),
    ],
)
def test_too_few_images_or_groups(count, groups, message):
    with pytest.raises(InputError, match=re.escape(message)):
        make_folds(IDS, count, 0.2, 0, groups and dict(zip(IDS, groups, strict=True)))


def test_a_table_of_groups_may_hold_more_and_be_csv_or_tsv(tmp_path):
    (tmp_path / "a.csv").write_text("\ufeffpatient,image,organ\nP1,x,liver\nP2,y,\nP3,z,lung\n", "utf-8")
    assert read_groups(tmp_path / "a.csv", "patient", ["y", "x"]) == {"x": "P1", "y": "P2"}
    assert read_groups(tmp_path / "a.csv", "organ", ["x"]) == {"x": "liver"}
    (tmp_path / "a.tsv").write_text("image\torgan\nx\tliver, left\n")
    assert read_groups(tmp_path / "a.tsv", "organ", ["x"]) == {"x": "liver, left"}


def test_spaces_forms_of_letters_and_empty_lines_of_a_table_count_for_nothing(tmp_path):
    (tmp_path / "a.csv").write_text("image,slide\n x ,P1 \ne\u0301,P1\n,\n,\n", "utf-8")
    assert read_groups(tmp_path / "a.csv", "slide", ["x", "\u00e9"]) == {"x": "P1", "\u00e9": "P1"}
    assert read_groups(tmp_path / "a.csv", "slide", ["e\u0301"]) == {"e\u0301": "P1"}


def test_many_missing_images_are_not_all_listed(tmp_path):
    (tmp_path / "a.csv").write_text("image,slide\nx,a\n")
    with pytest.raises(InputError) as caught:
        read_groups(tmp_path / "a.csv", "slide", [f"i{number:03}" for number in range(300)])
    assert len(caught.value.problems) == 21 and "280 more problems" in caught.value.problems[-1]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["columns none found, wanted image and slide; add it, or correct folds.column"]),
        ("image,organ\nx,a\n", ["columns image, organ found, wanted slide; add it, or correct folds.column"]),
        (
            "image,slide\nx,a\nx,b\ny,\n",
            [
                "line 3: x found once more, wanted it once; remove a line",
                "line 4: no slide of y found, wanted one; add it",
                "z not found, wanted its slide; add a line",
            ],
        ),
        (
            "image;slide\nx;a\n",
            ["columns image;slide found, wanted image and slide; separate columns by commas (in .tsv by tabs)"],
        ),
        ("image,slide\n", [f"{name} not found, wanted its slide; add a line" for name in "xyz"]),
        ("image,slide\nx,a\ny, \nz,b\n", ["line 3: no slide of y found, wanted one; add it"]),
        ("image,slide\nx,a\ny\nz,b\n", ["line 3: no slide of y found, wanted one; add it"]),
    ],
)
def test_wrong_tables_of_groups_are_refused(tmp_path, text, messages):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_groups(path, "slide", ["x", "y", "z"])
    assert caught.value.problems == [f"{path}: {message}" for message in messages]


def test_a_table_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00image")
    for name in ("a.csv", "none.csv"):
        with pytest.raises(InputError, match=f"{name}: cannot be read .*wanted a table of groups"):
            read_groups(tmp_path / name, "slide", ["x"])
