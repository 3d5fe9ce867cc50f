"""make_cells_table.py: every cell of the tables leads back to its files."""

import csv
import json

from support.cell_files import MODELS, make_cell, options


def cells_table(stage, run, settings, models, seeds, *arguments):
    """Run the stage on all cells; later arguments go before earlier ones."""
    return stage(
        *("make_cells_table", "--run-dir", run, "--out", run / "cells.csv"),
        *("--settings", *settings, "--models", *models, "--seeds", *seeds),
        *options(run, settings, models, seeds, "--scores", "--choices", "--trainings"),
        *arguments,
    )


def test_every_cell_leads_back(stage, tmp_path):
    for at, model in enumerate(MODELS):
        make_cell(tmp_path, 1, model, 0, 0.2 + at / 1000, 10 + at)
    done = cells_table(stage, tmp_path, [1], MODELS, [0])
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "cells.csv").open()))
    assert [row["model"] for row in rows] == MODELS
    assert rows[2]["folder"] == "cells/setting1/cascade_r50/seed0"
    assert (rows[2]["epoch"], rows[2]["map_report"], rows[2]["code_version"]) == ("12", "0.202", "v1")
    assert (rows[2]["config_sha256"], rows[2]["data_sha256"], rows[2]["device"]) == ("a" * 64, "b" * 64, "cpu")


def test_rows_go_by_setting_then_model_then_seed(stage, tmp_path):
    cells = [(setting, model, seed) for setting in (2, 1) for model in ("mask_x101", "mask_r50") for seed in (3, 0)]
    for epoch, cell in enumerate(cells, 1):
        make_cell(tmp_path, *cell, 0.2, epoch)
    done = cells_table(stage, tmp_path, [2, 1], ["mask_x101", "mask_r50"], [3, 0])
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "cells.csv").open()))
    assert [(int(row["setting"]), row["model"], int(row["seed"])) for row in rows] == cells
    assert [row["folder"] for row in rows] == [f"cells/setting{n}/{model}/seed{seed}" for n, model, seed in cells]
    assert [row["epoch"] for row in rows] == list("12345678")


def test_each_cell_gives_one_file_of_a_kind(stage, tmp_path):
    """One file for two settings is not taken for both, and one too many is not left out."""
    files = [make_cell(tmp_path, 1, model, 0, 0.2, 3) / "scores.json" for model in ("mask_r50", "mask_x101")]
    wanted = "one for each of the settings, models and seeds, in their order"
    for count in (1, 3):
        given = ["--scores", *files[:1] * count]
        done = cells_table(stage, tmp_path, [1, 2], ["mask_r50"], [0], *given)
        assert done.returncode == 2
        assert done.stderr == f"error: --scores: {count} files found, wanted 2: {wanted}\n"
    assert not (tmp_path / "cells.csv").exists()


def test_what_a_file_lacks_is_named_with_the_stage_that_writes_it(stage, tmp_path):
    folder = make_cell(tmp_path, 1, "mask_r50", 0, 0.2, 3)
    content = json.loads((folder / "training.json").read_text())
    del content["device"]
    (folder / "training.json").write_text(json.dumps(content))
    (folder / "checkpoint.json").write_text("{")
    done = cells_table(stage, tmp_path, [1], ["mask_r50"], [0])
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.startswith(f"error: {folder}/checkpoint.json: not JSON (")
    assert first.endswith("), wanted what select_checkpoint.py writes; make the file again")
    assert second == f"error: {folder}/training.json: lacks device; run train.py again"
