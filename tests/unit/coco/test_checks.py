"""Bad COCO annotations and results are named, each by one line."""

import numpy as np
import pytest
from support.score_cases import SIDE, encode, random_case

from nuclei.coco.checks import check_ground_truth, check_predictions, rle_problem
from nuclei.common.stage import InputError

GOOD = {"image_id": 1, "category_id": 1, "score": 0.5, "segmentation": encode(np.eye(SIDE))}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"image_id": 9}, "image_id is 9, wanted one of [1]"),
        ({"image_id": True}, "image_id is True"),
        ({"category_id": 2}, "category_id is 2, wanted 1"),
        ({"score": float("nan")}, "score is nan, wanted a finite number"),
        ({"score": 10**400}, "score is 1000"),
        ({"score": True}, "score is True"),
        ({"category_id": True}, "category_id is True, wanted 1"),
        ({"score": "0.5"}, "score is '0.5'"),
        ({"segmentation": [[1, 2, 3, 4, 5, 6]]}, "segmentation is no RLE"),
        ({"segmentation": {"size": [SIDE, 1], "counts": "0"}}, f"segmentation size [{SIDE}, 1] is not the image's"),
        ({"segmentation": {"size": [SIDE * 1.0, SIDE], "counts": "0"}}, "segmentation size [40.0, 40]"),
        ({"segmentation": {"size": [SIDE, SIDE], "counts": [0, 1600]}}, "segmentation counts are list, not a string"),
        ({"segmentation": {"size": [SIDE, SIDE], "counts": "1"}}, "segmentation counts cover 1 px, not 1600 px"),
        ({"segmentation": {"size": [SIDE, SIDE], "counts": "ooooo"}}, "segmentation counts are not RLE"),
        ({"segmentation": {"size": [SIDE, SIDE], "counts": "é"}}, "segmentation counts are not RLE"),
    ],
)
def test_bad_predictions_are_named(change, wanted):
    content, _ = random_case(0, images=1)
    with pytest.raises(InputError) as caught:
        check_predictions([GOOD, {**GOOD, **change}], content, "p.json")
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"p.json: row 1: {wanted}")


@pytest.mark.parametrize(
    ("rows", "right"),
    [
        ([{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], True),
        ([{"id": 1}], True),
        ([{"id": 2, "name": "a"}, {"id": 1, "name": "b"}], False),
        ([{"id": 1, "name": "a"}, {"id": 3, "name": "b"}], False),
        ([{"id": 1, "name": "a"}, {"id": 2, "name": "a"}], False),
        ([{"id": 1, "name": "a"}, {"id": 2, "name": ""}], False),
        ([{"id": 0, "name": "a"}, {"id": 1, "name": "b"}], False),
        ([{"id": True, "name": "a"}, {"id": 2, "name": "b"}], False),
        ([3], False),
    ],
)
def test_categories_are_1_2_and_on_each_with_a_name_of_its_own(rows, right):
    content = random_case(0, images=1)[0] | {"categories": rows}
    if right:
        check_ground_truth(content)
        two = [GOOD | {"category_id": 2}]
        if len(rows) == 2:
            check_predictions(two, content)
            with pytest.raises(InputError, match="category_id is 3, wanted 1 to 2"):
                check_predictions([GOOD | {"category_id": 3}], content)
    else:
        with pytest.raises(InputError, match="wanted the ids 1, 2, … and a name of its own for each"):
            check_ground_truth(content)


def test_all_bad_predictions_are_named_up_to_a_limit():
    content, _ = random_case(0, images=1)
    with pytest.raises(InputError) as caught:
        check_predictions([{**GOOD, "score": None}] * 25 + [GOOD], content, "p.json")
    assert [line.split(":")[1] for line in caught.value.problems[:20]] == [f" row {k}" for k in range(20)]
    assert caught.value.problems[20:] == ["p.json: 5 more problems like these"]


@pytest.mark.parametrize(
    ("part", "change", "wanted"),
    [
        ("images", {"id": "1"}, "image 1: id is '1', wanted a whole number"),
        ("images", {"height": 0}, "image 1: height is 0"),
        ("images", {"file_name": None}, "image 1: file_name is None, wanted text"),
        ("images", {"id": 1}, "image 1: id 1 found twice"),
        ("images", {"pixel_size_um": 0}, "image 1: pixel_size_um is 0, wanted a number of µm above 0"),
        ("images", {"pixel_size_um": "0.25"}, "image 1: pixel_size_um is '0.25', wanted a number"),
        ("annotations", {"image_id": 9}, "annotation 1: image_id is 9, wanted one of [1, 2, 3]"),
        ("annotations", {"id": 1}, "annotation 1: id 1 found twice"),
        ("annotations", {"id": 0}, "annotation 1: id is 0, wanted a whole number above 0"),
        ("annotations", {"iscrowd": 1}, "annotation 1: category_id 1, iscrowd 1, wanted 1 and 0"),
        ("annotations", {"area": None}, "annotation 1: area None, bbox"),
        ("annotations", {"segmentation": [[1, 2, 3, 4]]}, "annotation 1: segmentation is no list of polygons"),
        ("annotations", {"segmentation": [[1, 2, 3, 4, 5, "6"]]}, "annotation 1: segmentation is no list of polygons"),
        ("annotations", {"segmentation": {"size": [SIDE, SIDE], "counts": "1"}}, "annotation 1: segmentation counts"),
        ("annotations", {"segmentation": None}, "annotation 1: segmentation is no RLE"),
        ("categories", {"id": 2}, "categories [2], wanted the ids 1, 2, … and a name of its own for each"),
    ],
)
def test_a_bad_ground_truth_is_named(part, change, wanted):
    content, _ = random_case(1)
    check_ground_truth(content, "gt.json")
    at = 0 if part == "categories" else 1
    content[part][at] = {**content[part][at], **change}
    with pytest.raises(InputError) as caught:
        check_ground_truth(content, "gt.json")
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"gt.json: {wanted}")


def test_real_rle_is_no_problem():
    random = np.random.default_rng(4)
    for _ in range(200):
        height, width = random.integers(1, 60, 2)
        rle = encode(random.random((height, width)) < random.random())
        assert rle_problem(rle, int(height), int(width)) is None
