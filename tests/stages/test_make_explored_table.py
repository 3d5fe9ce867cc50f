"""make_explored_table.py: both settings in one table, without published numbers."""

import csv

import pytest
from support.cell_files import make_cell, options

from nuclei.scoring.names import NAMES


def explored_table(stage, run, settings, models, *arguments):
    """Run the stage on the cells of seed 0; later arguments go before earlier ones."""
    return stage(
        *("make_explored_table", "--settings", *settings, "--models-file", "config/models.yaml", "--seeds", 0),
        *("--models", *models, "--out-dir", run / "tables"),
        *options(run, settings, models, [0], "--scores", "--choices", "--trainings"),
        *arguments,
    )


def test_explored_models_have_a_table_of_their_own(stage, tmp_path):
    for setting, model, value in ((1, "mask_r101", 0.11), (2, "mask_r101", 0.12), (1, "queryinst_r50", 0.0)):
        make_cell(tmp_path, setting, model, 0, value, 10 * setting)
    make_cell(tmp_path, 2, "queryinst_r50", 0, 0.01, 7)
    done = explored_table(stage, tmp_path, [1, 2], ["queryinst_r50", "mask_r101"])
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "tables/explored.csv").open()))
    assert list(rows[0]) == ["model", "backbone", "multiscale", "lr schd", "setting", "epoch", "mAP"]
    assert [tuple(row.values()) for row in rows] == [
        ("mask", "r101", "yes", "3x", "1", "10", "0.11"),
        ("queryinst", "r50", "yes", "3x", "1", "10", "0.0"),
        ("mask", "r101", "yes", "3x", "2", "20", "0.12"),
        ("queryinst", "r50", "yes", "3x", "2", "7", "0.01"),
    ]
    full = list(csv.DictReader((tmp_path / "tables/explored_full.csv").open()))
    assert [row["setting"] for row in full] == ["1", "1", "2", "2"]
    assert float(full[2]["AP 0.50:0.95 @100"]) == pytest.approx(0.12 + NAMES.index("ap_100") / 100)
    assert "published" not in (tmp_path / "tables/explored.md").read_text()


def test_each_cell_gives_one_file_of_a_kind(stage, tmp_path):
    file = make_cell(tmp_path, 1, "mask_r101", 0, 0.1, 3) / "scores.json"
    done = explored_table(stage, tmp_path, [1, 2], ["mask_r101"], "--scores", file)
    assert done.returncode == 2
    wanted = "one for each of the settings, models and seeds, in their order"
    assert done.stderr == f"error: --scores: 1 files found, wanted 2: {wanted}\n"
    assert not (tmp_path / "tables").exists()


def test_settings_scored_on_different_images_stand_in_no_table(stage, tmp_path):
    one, two = (make_cell(tmp_path, setting, "mask_r101", 0, 0.1, 3) / "scores.json" for setting in (1, 2))
    two.write_text(two.read_text().replace("2360", "2359"))
    done = explored_table(stage, tmp_path, [1, 2], ["mask_r101"])
    assert done.returncode == 2
    assert done.stderr == (
        f"error: {two}: scored, images, nuclei are (True, 6, 2359), wanted (True, 6, 2360) as in {one}; "
        "score both against the same test masks\n"
    )
    assert not (tmp_path / "tables").exists()


def test_cells_of_one_setting_trained_on_different_data_stand_in_no_table(stage, tmp_path):
    folders = [make_cell(tmp_path, n, model, 0, 0.1, 3) for n in (1, 2) for model in ("mask_r101", "queryinst_r50")]
    for path in (folder / "training.json" for folder in folders[2:]):  # settings may differ
        path.write_text(path.read_text().replace("b" * 64, "d" * 64))
    done = explored_table(stage, tmp_path, [1, 2], ["mask_r101", "queryinst_r50"])
    assert done.returncode == 0, done.stderr
    path = folders[1] / "training.json"
    path.write_text(path.read_text().replace("b" * 64, "e" * 64))
    done = explored_table(stage, tmp_path, [1, 2], ["mask_r101", "queryinst_r50"])
    assert done.returncode == 2
    assert f"{path}: data_sha256 is {'e' * 16}, wanted {'b' * 16} as in {folders[0]}/training.json;" in done.stderr
