"""The competition's answer: the 100 surest of each image, and a validator that names every fault."""

import json
import zipfile

import numpy as np
import pytest
from answer import answer, write_zip
from check_answer import answer_problems, read_answer
from test_scores import SIDE, encode

from nuclei.stage import InputError

IMAGES = {1: (SIDE, SIDE), 2: (SIDE, SIDE)}


def row(image_id=1, score=0.5, **change):
    return {
        "image_id": image_id,
        "bbox": [0.0, 0.0, 4.0, 4.0],
        "score": score,
        "category_id": 1,
        "segmentation": encode(np.eye(SIDE)),
        **change,
    }


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


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ({}, "dict found, wanted a list"),
        ([row(3)], "row 0: image_id is 3"),
        ([row(category_id=0)], "row 0: category_id is 0, wanted 1"),
        ([row(bbox=[1, 2, 3])], "row 0: bbox is [1, 2, 3], wanted [x, y, width, height]"),
        ([row(bbox=[1, 2, -3, 4])], "row 0: bbox is [1, 2, -3, 4]"),
        ([{k: v for k, v in row().items() if k != "bbox"}], "row 0: bbox is None"),
        ([row(bbox=[1, 2, 3, float("nan")])], "row 0: bbox is [1, 2, 3, nan]"),
        ([row(segmentation={"size": [SIDE, SIDE], "counts": "PP"})], "row 0: segmentation counts"),
        ([row()] * 101, "101 detections of image 1, wanted 100 at most"),
        ([row(), "x"], "row 1: is no object"),
    ],
)
def test_faults_are_named(rows, wanted):
    problems, _ = answer_problems(rows, IMAGES, "a")
    assert len(problems) == 1
    assert wanted in problems[0]


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ({}, "holds nothing, wanted answer.json alone"),
        ({"other.json": "[]"}, "holds other.json"),
        ({"answer.json": "["}, "damaged"),
    ],
)
def test_bad_zip(tmp_path, members, wanted):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    with pytest.raises(InputError, match=wanted):
        read_answer(tmp_path / "a.zip")


def test_no_zip_at_all(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"none")
    with pytest.raises(InputError, match="damaged"):
        read_answer(tmp_path / "a.zip")
    with pytest.raises(InputError, match="cannot be read"):
        read_answer(tmp_path / "b.zip")


def test_commands(stage, tmp_path):
    images = [{"id": n, "file_name": f"{n}.png", "height": SIDE, "width": SIDE} for n in (1, 2)]
    (tmp_path / "ids.json").write_text(json.dumps(images))
    (tmp_path / "test.json").write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    (tmp_path / "p.json").write_text(json.dumps([row(1), row(2)]))
    made = stage(
        "answer",
        "--predictions",
        tmp_path / "p.json",
        "--test-images",
        tmp_path / "test.json",
        "--out",
        tmp_path / "answer.json",
        "--zip",
        tmp_path / "answer.zip",
    )
    assert made.returncode == 0, made.stderr
    for name in ("answer.zip", "answer.json"):
        done = stage("check_answer", "--answer", tmp_path / name, "--test-img-ids", tmp_path / "ids.json")
        assert done.returncode == 0
        assert "2 detections of 2 images, form is right" in done.stdout
    (tmp_path / "answer.json").write_text(json.dumps([row(7), row(8)]))
    bad = stage("check_answer", "--answer", tmp_path / "answer.json", "--test-img-ids", tmp_path / "ids.json")
    assert bad.returncode == 2
    assert len(bad.stderr.splitlines()) == 2


def test_bad_input_is_one_line_and_no_traceback(stage, tmp_path):
    (tmp_path / "answer.json").write_text(json.dumps([row()]))
    (tmp_path / "ids.json").write_text('[{"id": 1}]')
    done = stage("check_answer", "--answer", tmp_path / "answer.json", "--test-img-ids", tmp_path / "ids.json")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path}/ids.json: row {{'id': 1}} found, wanted file_name")
    image = {"id": 1, "file_name": "1.png", "height": SIDE, "width": SIDE}
    (tmp_path / "test.json").write_text(json.dumps({"images": [image], "annotations": [], "categories": []}))
    (tmp_path / "p.json").write_text(json.dumps([row(bbox=None)]))
    command = ["--predictions", tmp_path / "p.json", "--test-images", tmp_path / "test.json"]
    done = stage("answer", *command, "--out", tmp_path / "a.json", "--zip", tmp_path / "a.zip")
    assert done.returncode == 2
    assert (
        done.stderr
        == f"error: {tmp_path}/p.json: row 0: bbox is None, wanted [x, y, width, height] in px; correct the row\n"
    )
    assert not (tmp_path / "a.json").exists()
