"""Curves: what is read from a cell's files, and what the figure holds."""

import json

import cv2
import matplotlib.pyplot as plt
import pytest

from nuclei.report.curves import draw, read_losses, read_scores

HEAD = "epoch\tap_100\tap50_100\tap75_100\tap_1000\tap50_1000\tap75_1000\tkept\n"


def make_cell(run, model, scores, chosen):
    folder = run / "cells/setting1" / model / "seed0"
    folder.mkdir(parents=True)
    rows = [f"{epoch}\t0.1\t{value}\t0.1\t0.1\t0.1\t0.1\t1\n" for epoch, value in scores]
    (folder / "epochs.tsv").write_text(HEAD + "".join(rows))
    log = [{"mode": "train", "epoch": e, "iter": i, "loss": 3 / (e + i / 20)} for e in (1, 2, 3) for i in (10, 20)]
    log.append({"mode": "val", "epoch": 3})
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))
    (folder / "checkpoint.json").write_text(json.dumps({"epoch": chosen}))
    return folder


def test_epochs_without_validation_are_left_out(tmp_path):
    folder = make_cell(tmp_path, "mask_r50", [(1, ""), (2, 0.25), (3, "")], 2)
    assert read_scores(folder / "epochs.tsv", "ap50_100") == ([2], [0.25])


def test_losses_lie_at_fractions_of_their_epoch(tmp_path):
    folder = make_cell(tmp_path, "mask_r50", [(1, 0.1)], 1)
    at, losses = read_losses(folder / "log.jsonl")
    assert at == [0.5, 1, 1.5, 2, 2.5, 3]
    assert losses[0] == pytest.approx(3 / 1.5)


def test_figure_marks_the_chosen_epoch_and_names_the_metric(tmp_path, monkeypatch):
    make_cell(tmp_path, "mask_r50", [(1, 0.1), (2, 0.3), (3, 0.2)], 2)
    make_cell(tmp_path, "mask_x101", [(1, 0.2), (2, ""), (3, 0.25)], 2)
    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    draw(tmp_path, 1, ["mask_r50", "mask_x101"], [0], "ap50_100", tmp_path / "a.png")
    left, right = kept[0].axes
    assert [line.get_xydata().tolist() for line in left.lines] == [
        [[1, 0.1], [2, 0.3], [3, 0.2]],
        [[2, 0.3]],  # the ring; the second model's chosen epoch was not validated
        [[1, 0.2], [3, 0.25]],
    ]
    assert left.get_ylabel() == "AP50, 100 detections an image"
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["mask_r50", "mask_x101"]
    assert cv2.imread(str(tmp_path / "a.png")).std() > 5


def test_the_best_epoch_is_whole_in_the_figure(tmp_path, monkeypatch):
    make_cell(tmp_path, "mask_r50", [(2, 0.299), (3, 0.3)], 3)
    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    draw(tmp_path, 1, ["mask_r50"], [0], "ap50_100", tmp_path / "a.png")
    assert kept[0].axes[0].get_ylim() == pytest.approx((0, 0.315))


def test_the_same_cells_give_the_same_file(stage, tmp_path):
    make_cell(tmp_path, "mask_r50", [(1, 0.1), (2, 0.3)], 2)
    command = ["--run-dir", tmp_path, "--setting", 1, "--models", "mask_r50", "--seeds", 0]
    for name in ("a.png", "b.png"):
        done = stage("draw_curves", *command, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
