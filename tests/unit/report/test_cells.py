"""Files of cells: given in an order, read into the cells that they belong to, and named where they do not fit."""

import json

import pytest
from support.cell_files import make_cell

from nuclei.common.stage import InputError
from nuclei.report.cells import by_cell, by_setting, read_cells

MODELS, SEEDS = ["mask_x101", "mask_r50"], [3, 0]


def folders(run, setting=1):
    """Folders of four cells in the order of their files; the epoch counts them."""
    cells = [(model, seed) for model in MODELS for seed in SEEDS]
    return [make_cell(run, setting, *cell, 0.2, epoch) for epoch, cell in enumerate(cells, 1)]


def test_files_go_model_by_model_and_then_seed_by_seed():
    found = by_cell(MODELS, SEEDS, ["a", "b", "c", "d"], "--scores")
    assert {cell: str(path) for cell, path in found.items()} == {
        ("mask_x101", 3): "a",
        ("mask_x101", 0): "b",
        ("mask_r50", 3): "c",
        ("mask_r50", 0): "d",
    }


def test_files_of_several_settings_go_setting_by_setting():
    assert by_setting([2, 1], MODELS, [0], ["a", "b", "c", "d"], "--scores") == {2: ["a", "b"], 1: ["c", "d"]}


@pytest.mark.parametrize("count", [0, 1, 3, 5, 8])
def test_too_few_and_too_many_files_are_refused(count):
    with pytest.raises(InputError) as caught:
        by_cell(MODELS, SEEDS, ["a"] * count, "--logs")
    wanted = "one for each of the models and seeds, in their order"
    assert caught.value.problems == [f"--logs: {count} files found, wanted 4: {wanted}"]
    with pytest.raises(InputError) as caught:
        by_setting([1, 2], MODELS, [0], ["a"] * count, "--configs")
    wanted = "one for each of the settings, models and seeds, in their order"
    assert caught.value.problems == [f"--configs: {count} files found, wanted 4: {wanted}"]


def test_what_is_read_of_a_cell_lies_in_its_files(tmp_path):
    own = folders(tmp_path)
    scores = [folder / "scores.json" for folder in own]
    choices = [folder / "checkpoint.json" for folder in own]
    cells = read_cells(MODELS, SEEDS, scores=scores, choice=choices)
    assert list(cells) == MODELS
    assert [[cell.choice["epoch"] for cell in found] for found in cells.values()] == [[1, 2], [3, 4]]
    assert [cell.files for cell in cells["mask_r50"]] == [
        {"scores": scores[at], "choice": choices[at]} for at in (2, 3)
    ]
    assert cells["mask_r50"][0].scores == json.loads(scores[2].read_text())
    assert cells["mask_r50"][0].training is None


def test_all_problems_of_all_parts_come_at_once(tmp_path):
    own = folders(tmp_path)
    (own[1] / "scores.json").unlink()
    (own[3] / "training.json").write_text("{}")
    with pytest.raises(InputError) as caught:
        read_cells(
            MODELS,
            SEEDS,
            scores=[folder / "scores.json" for folder in own],
            training=[folder / "training.json" for folder in own],
        )
    lacking = "config_sha256, data_sha256, code_version, device"
    assert caught.value.problems == [
        f"{own[1]}/scores.json: cannot be read (No such file or directory), wanted what score_predictions.py writes; "
        "check the path",
        f"{own[3]}/training.json: lacks {lacking}; run train.py again",
    ]
