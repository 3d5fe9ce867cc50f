"""Curves: what is read from a cell's files, and what the figure holds."""

import cv2
import matplotlib.pyplot as plt
import pytest
from support.curve_files import make_cell

from nuclei.report.curves import draw, read_losses, read_scores


def files_of(**folders):
    """The files of cells as draw() takes them; folders: {model: folder of its cell of seed 0}."""
    names = {"epochs": "epochs.tsv", "logs": "log.jsonl", "choices": "checkpoint.json"}
    return {part: {(model, 0): folder / name for model, folder in folders.items()} for part, name in names.items()}


def test_epochs_without_validation_are_left_out(tmp_path):
    folder = make_cell(tmp_path, "mask_r50", [(1, ""), (2, 0.25), (3, "")], 2)
    assert read_scores(folder / "epochs.tsv", "ap50_100") == ([2], [0.25])


def test_losses_lie_at_fractions_of_their_epoch(tmp_path):
    folder = make_cell(tmp_path, "mask_r50", [(1, 0.1)], 1)
    at, losses = read_losses(folder / "log.jsonl")
    assert at == [0.5, 1, 1.5, 2, 2.5, 3]
    assert losses[0] == pytest.approx(3 / 1.5)


def test_figure_marks_the_chosen_epoch_and_names_the_metric(tmp_path, monkeypatch):
    files = files_of(
        mask_r50=make_cell(tmp_path, "mask_r50", [(1, 0.1), (2, 0.3), (3, 0.2)], 2),
        mask_x101=make_cell(tmp_path, "mask_x101", [(1, 0.2), (2, ""), (3, 0.25)], 2),
    )
    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    draw(1, ["mask_r50", "mask_x101"], [0], "ap50_100", files, tmp_path / "a.png")
    left, right = kept[0].axes
    assert [line.get_xydata().tolist() for line in left.lines] == [
        [[1, 0.1], [2, 0.3], [3, 0.2]],
        [[2, 0.3]],  # the ring; the second model's chosen epoch was not validated
        [[1, 0.2], [3, 0.25]],
    ]
    assert left.get_ylabel() == "AP50, 100 detections an image"
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["mask_r50", "mask_x101"]
    assert cv2.imread(str(tmp_path / "a.png")).std() > 5


def test_the_axis_runs_over_all_epochs_in_whole_numbers_with_one_validation(tmp_path, monkeypatch):
    files = files_of(mask_r50=make_cell(tmp_path, "mask_r50", [(1, ""), (2, ""), (3, ""), (4, 0.27)], 4))
    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    draw(1, ["mask_r50"], [0], "ap50_100", files, tmp_path / "a.png", window=256)
    for axes in kept[0].axes:
        assert axes.get_xlim() == (0, 4)  # the log ends at epoch 3
        assert axes.get_xticks().tolist() == [0, 1, 2, 3, 4]
    left, right = kept[0].axes
    assert left.get_xlabel().startswith("epoch\nValidation during a training looks at whole images")
    assert "windows of 256 px" in left.get_xlabel()
    assert right.get_xlabel() == "epoch"
    draw(1, ["mask_r50"], [0], "ap50_100", files, tmp_path / "b.png")
    assert kept[1].axes[0].get_xlabel() == "epoch"


def test_the_best_epoch_is_whole_in_the_figure(tmp_path, monkeypatch):
    files = files_of(mask_r50=make_cell(tmp_path, "mask_r50", [(2, 0.299), (3, 0.3)], 3))
    kept = []
    monkeypatch.setattr(plt, "close", kept.append)
    draw(1, ["mask_r50"], [0], "ap50_100", files, tmp_path / "a.png")
    assert kept[0].axes[0].get_ylim() == pytest.approx((0, 0.315))
