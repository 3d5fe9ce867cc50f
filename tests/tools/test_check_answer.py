"""check_answer.py: an answer in both forms, and every fault by name."""

import json

from support.answers import listed_images, row

from nuclei.prediction.answers import write_zip


def check(stage, folder, name):
    """Run the tool on a file of `folder`, from elsewhere."""
    return stage("check_answer", "--answer", folder / name, "--test-img-ids", folder / "ids.json", cwd=folder)


def test_a_right_answer_and_every_fault(stage, tmp_path):
    (tmp_path / "ids.json").write_text(json.dumps(listed_images()))
    (tmp_path / "answer.json").write_text(json.dumps([row(1), row(1)]))
    write_zip(tmp_path / "answer.zip", tmp_path / "answer.json")
    for name in ("answer.zip", "answer.json"):
        done = check(stage, tmp_path, name)
        assert done.returncode == 0
        assert done.stdout == f"{tmp_path / name}: 2 detections of 2 images, form is right\n"
        assert done.stderr == f"warning: {tmp_path / name}: no detection of image 2\n"
    (tmp_path / "answer.json").write_text(json.dumps([row(7), row(8)]))
    bad = check(stage, tmp_path, "answer.json")
    assert bad.returncode == 2
    assert len(bad.stderr.splitlines()) == 2
