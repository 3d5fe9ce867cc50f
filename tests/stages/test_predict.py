"""scripts/predict.py on the checkpoints of a very small cell."""

import json
import re
import shutil
import sys
import time

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask
from support.training_cell import DAMAGED, cut, flip, without_memory


def test_prediction_follows_the_checkpoint(undisturbed, stage, tmp_path):
    config, wanted = undisturbed
    for name in ("one", "two"):
        done = stage(
            "predict",
            "--config",
            config,
            "--checkpoint",
            wanted / "checkpoints/epoch_3.pth",
            "--device",
            "cpu",
            "--out",
            tmp_path / f"{name}.json",
        )
        assert "mmcv - INFO" not in done.stderr
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    rows = json.loads((tmp_path / "one.json").read_text())
    assert {row["image_id"] for row in rows} <= {1, 2}
    assert all(row["segmentation"]["size"] == [128, 128] for row in rows)


def test_one_window_of_the_image_equals_no_window(undisturbed, stage, tmp_path):
    config, wanted = undisturbed
    found = []
    looks = {
        "none": [],
        "one": ["--window", 128, "--overlap", 64],
        "soft": ["--soft-nms"],
        "more": ["--views", 4, "--scales", 1, 1.5],
    }
    for name, options in looks.items():
        out, checkpoint = tmp_path / f"{name}.json", wanted / "checkpoints/epoch_3.pth"
        done = stage(
            "predict", "--config", config, "--checkpoint", checkpoint, "--device", "cpu", "--out", out, *options
        )
        assert done.returncode == 0, done.stderr
        rows = [row for row in json.loads(out.read_text()) if coco_mask.area(row["segmentation"])]
        found.append(sorted(rows, key=lambda row: (row["image_id"], -row["score"], row["bbox"])))
    assert found[0] and found[0] == found[1]
    assert "predict 16/16 views" in done.stderr
    assert {row["image_id"] for row in found[3]} == {1, 2}
    lowered = {(*row["bbox"], row["segmentation"]["counts"]): row["score"] for row in found[2]}
    for image in (1, 2):
        rows = [row for row in found[0] if row["image_id"] == image]
        codes, scores = [row["segmentation"] for row in rows], np.array([row["score"] for row in rows])
        iou = coco_mask.iou(codes, codes, [0] * len(codes)) * (1 - np.eye(len(codes)))
        wanted_scores = scores * (1 - (iou * scores).max(1))
        assert (wanted_scores < scores).any()
        found_scores = [lowered[*row["bbox"], row["segmentation"]["counts"]] for row in rows]
        assert found_scores == pytest.approx(wanted_scores.tolist())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--window", 64, "--overlap", 64),
            "--overlap 64 with --window 64: wanted 0 or more and less than the window; ",
        ),
        (("--window", 100), "--overlap 128 with --window 100: wanted 0 or more and less than the window; correct one"),
        (("--window", 64, "--overlap", -1), "--overlap -1 with --window 64: wanted 0 or more and less than"),
        (("--window", 0), "--window 0: wanted a side of 1 px or more; correct it"),
    ],
)
def test_windows_that_cannot_be_are_refused_before_any_work(stage, options, said):
    done = stage("predict", "--config", "-", "--checkpoint", "-", "--out", "-", *options)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {said}")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut, DAMAGED),
        (flip, DAMAGED),
        (
            lambda path: torch.save({"state_dict": {}, "meta": {"when": time.struct_time(range(9))}}, path),
            "holds Python objects, which can run code, wanted tensors alone; if you trust its source, name it by its "
            "SHA-256 and pass it through scripts/fetch_weights.py",
        ),
    ],
)
def test_damaged_checkpoints_and_pickled_code_are_refused(undisturbed, stage, tmp_path, spoil, said):
    config, wanted = undisturbed
    path = tmp_path / "checkpoint.pth"
    shutil.copy(wanted / "checkpoints/epoch_3.pth", path)
    spoil(path)
    done = stage("predict", "--config", config, "--checkpoint", path, "--device", "cpu", "--out", tmp_path / "p.json")
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ")] == [f"error: {path}: {said}"]
    assert not (tmp_path / "p.json").exists()


def test_checkpoint_of_another_model_is_refused(undisturbed, cell, stage, tmp_path):
    done = stage(
        "predict",
        "--config",
        cell("wider", width=0.25),
        "--checkpoint",
        undisturbed[1] / "checkpoints/epoch_3.pth",
        "--device",
        "cpu",
        "--out",
        tmp_path / "p.json",
    )
    assert done.returncode == 2
    assert "does not fit the cell's config.py" in done.stderr


def test_no_memory_in_prediction_names_the_image(undisturbed, tmp_path):
    config, wanted = undisturbed
    arguments = ["scripts/predict.py", "--config", config, "--checkpoint", wanted / "checkpoints/epoch_3.pth"]
    arguments += ["--device", "cpu", "--label", "cell", "--out", tmp_path / "p.json"]
    (line,) = without_memory("forward_test", 1, [sys.executable, *arguments])
    assert re.match(r"error: cell image \S+\.png, 128x128 px: out of GPU memory \(CUDA out of memory. Tried", line), (
        line
    )
    assert not (tmp_path / "p.json").exists()
