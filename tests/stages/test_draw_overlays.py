"""draw_overlays.py: the same file each time, and a missing image by name."""

import contextlib
import json

import cv2
import draw_overlays
import numpy as np
import pytest
from support.damage import answered
from support.overlay_scene import make_scene

from nuclei.common.stage import InputError
from nuclei.report.overlays import draw, encode_picture


def test_a_full_disk_is_named(capsys, monkeypatch, tmp_path):
    """/dev/full takes every file and has no room for its content."""
    folder, content, rows = make_scene(tmp_path)
    (tmp_path / "truth.json").write_text(json.dumps(content))
    (tmp_path / "p.json").write_text(json.dumps(rows))

    @contextlib.contextmanager
    def full(path):
        (tmp_path / "full.png").symlink_to("/dev/full")
        yield tmp_path / "full.png"

    monkeypatch.setattr(draw_overlays, "whole_file", full)
    command = (
        f"draw_overlays --test-images {folder} --ground-truth {tmp_path}/truth.json --predictions {tmp_path}/p.json"
    )
    status, lines = answered(capsys, monkeypatch, f"{command} --out {tmp_path}/o.png")
    assert status == 2 and lines[-1].endswith(": no space left on the disk; free some and run again")
    with pytest.raises(InputError, match="--out: a picture .svg found, wanted .jpg or .png"):
        encode_picture(np.zeros((2, 2, 3), np.uint8), ".svg")


def test_command_and_a_missing_image(stage, tmp_path):
    folder, content, rows = make_scene(tmp_path)
    (tmp_path / "truth.json").write_text(json.dumps(content))
    (tmp_path / "p.json").write_text(json.dumps(rows))
    command = ["--test-images", folder, "--ground-truth", tmp_path / "truth.json", "--predictions", tmp_path / "p.json"]
    outs = [tmp_path / "1.png", tmp_path / "2.png"]
    for out in outs:
        done = stage("draw_overlays", *command, "--out", out)
        assert done.returncode == 0, done.stderr
    assert outs[0].read_bytes() == outs[1].read_bytes()
    (tmp_path / "scores.json").write_text(json.dumps({"threshold": {"value": 0.85}}))
    done = stage("draw_overlays", *command, "--scores", tmp_path / "scores.json", "--out", tmp_path / "4.png")
    assert done.returncode == 0, done.stderr
    assert np.array_equal(cv2.imread(str(tmp_path / "4.png")), draw(folder, content, rows, 0.85))
    (tmp_path / "scores.json").write_text("{}")
    done = stage("draw_overlays", *command, "--scores", tmp_path / "scores.json", "--out", tmp_path / "5.png")
    assert done.returncode == 2
    assert f"error: {tmp_path / 'scores.json'}: " in done.stderr and "score_instances.py" in done.stderr
    (folder / "a.png").unlink()
    done = stage("draw_overlays", *command, "--out", tmp_path / "3.png")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        f"error: {folder / 'a.png'}: not a readable image, wanted the test image"
    )
    assert not (tmp_path / "3.png").exists()
    with pytest.raises(InputError, match="a.png: not a readable image"):
        draw(folder, content, rows)
