"""The competition's answer: the 100 surest of each image, and a validator that names every fault."""

import json

import numpy as np
import pytest
from conftest import ROOT, SHARED
from support.answers import IMAGES, listed_images, row
from support.submissions import AP_100, TEST_IDS, needs_submissions

from nuclei.common.stage import InputError
from nuclei.prediction.answers import answer, answer_problems, check_answer, read_answer, write_zip
from nuclei.scoring.published import read_published


def test_the_surest_hundred_of_each_image_ties_in_order():
    random = np.random.default_rng(0)
    rows = [row(2 - k % 2, float(random.integers(0, 20)) / 20, tag=k) for k in range(500)]
    chosen = answer([{**r, "bbox": [r["tag"], 0, 1, 1]} for r in rows])
    for image_id in (1, 2):
        own = [r for r in rows if r["image_id"] == image_id]
        wanted = sorted(own, key=lambda r: (-r["score"], r["tag"]))[:100]
        assert [r["bbox"][0] for r in chosen if r["image_id"] == image_id] == [r["tag"] for r in wanted]


def test_zip_holds_the_answer_alone_and_is_the_same_each_time(tmp_path):
    (tmp_path / "answer.json").write_text(json.dumps([row()]))
    for name in ("a.zip", "b.zip"):
        write_zip(tmp_path / name, tmp_path / "answer.json")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert read_answer(tmp_path / "a.zip") == [row()]


def test_a_right_answer_has_no_problems_but_a_warning_for_an_image_without_detections():
    assert answer_problems([row(), row()], IMAGES, "a") == ([], ["a: no detection of image 2"])


def test_scores_outside_0_to_1_are_a_warning():
    rows = [row(1, -0.5), row(2, 1.5), row(2, 1)]
    assert answer_problems(rows, IMAGES, "a") == ([], ["a: 2 scores outside 0 to 1"])


def test_the_check_of_a_file_says_what_is_odd_and_raises_what_is_wrong(tmp_path):
    ids, path = tmp_path / "test_img_ids.json", tmp_path / "answer.json"
    ids.write_text(json.dumps(listed_images()))
    path.write_text(json.dumps([row(), row(score=2)]))
    assert check_answer(path, ids) == [
        f"warning: {path}: no detection of image 2",
        f"warning: {path}: 1 scores outside 0 to 1",
        f"{path}: 2 detections of 2 images, form is right",
    ]
    path.write_text(json.dumps([row(7), row(8)]))
    with pytest.raises(InputError) as caught:
        check_answer(path, ids)
    assert caught.value.problems == [
        f"{path}: row {at}: image_id is {image}, wanted one of [1, 2]; correct the row"
        for at, image in ((0, 7), (1, 8))
    ]
    ids.write_text("[]")
    with pytest.raises(InputError, match="test_img_ids.json: an empty list found, wanted a list of"):
        check_answer(path, ids)


@needs_submissions
def test_the_authors_answers_have_the_right_form():
    sizes = dict.fromkeys(TEST_IDS.values(), (1000, 1000))
    for path in sorted((SHARED / "submissions").glob("answer_*.zip")):
        assert answer_problems(read_answer(path), sizes, path.name) == ([], [])
    assert {row["submission"] for row in read_published(ROOT / "config/published.tsv").values()} == {*AP_100, None}


def test_the_suffix_of_an_answer_may_have_capital_letters(tmp_path):
    (tmp_path / "answer.json").write_text("[]")
    write_zip(tmp_path / "answer.ZIP", tmp_path / "answer.json")
    assert read_answer(tmp_path / "answer.ZIP") == []
