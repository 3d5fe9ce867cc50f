"""write_answer.py: the competition's answer, read again and checked against the list of test images."""

import json

import pytest
from support.answers import listed_images, row


@pytest.fixture
def write(stage, tmp_path):
    """Run the stage on given predictions and a given test_img_ids.json."""
    images = {"images": listed_images(), "annotations": [], "categories": []}
    (tmp_path / "test.json").write_text(json.dumps(images))

    def run(predictions, ids):
        (tmp_path / "p.json").write_text(json.dumps(predictions))
        (tmp_path / "ids.json").write_text(json.dumps(ids))
        return stage(
            *("write_answer", "--predictions", tmp_path / "p.json", "--test-images", tmp_path / "test.json"),
            *("--test-img-ids", tmp_path / "ids.json", "--out", tmp_path / "answer.json"),
            *("--zip", tmp_path / "answer.zip"),
        )

    return run


def test_both_forms_of_an_answer_are_right(write, stage, tmp_path):
    made = write([row(1), row(2)], listed_images())
    assert made.returncode == 0, made.stderr
    assert made.stderr == f"{tmp_path / 'answer.zip'}: 2 detections of 2 images, form is right\n"
    for name in ("answer.zip", "answer.json"):
        done = stage("check_answer", "--answer", tmp_path / name, "--test-img-ids", tmp_path / "ids.json")
        assert done.returncode == 0
        assert "2 detections of 2 images, form is right" in done.stdout


def test_an_image_without_a_detection_is_a_warning(write, tmp_path):
    made = write([row(2)], listed_images())
    assert made.returncode == 0, made.stderr
    assert made.stderr.splitlines()[0] == f"warning: {tmp_path / 'answer.zip'}: no detection of image 1"


def test_an_answer_of_the_wrong_form_is_refused_and_leaves_nothing(write, tmp_path):
    made = write([row(1), row(2)], listed_images()[:1])
    assert made.returncode == 2
    wanted = "row 1: image_id is 2, wanted one of [1]; correct the row"
    assert made.stderr == f"error: {tmp_path / 'answer.zip'}: {wanted}\n"
    assert not list(tmp_path.glob("answer*"))
