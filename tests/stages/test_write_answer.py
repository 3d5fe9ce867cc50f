"""write_answer.py: the competition's answer, which it reads again and checks."""

import json

import numpy as np
from support.score_cases import SIDE, encode


def row(image_id=1, score=0.5, **change):
    return {
        "image_id": image_id,
        "bbox": [0.0, 0.0, 4.0, 4.0],
        "score": score,
        "category_id": 1,
        "segmentation": encode(np.eye(SIDE)),
        **change,
    }


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
