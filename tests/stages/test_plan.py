"""plan.py: a row for each cell on stdout, made of the configs that are given."""

import shutil


def test_every_cell_has_its_row(cell, stage, tmp_path):
    configs = []
    for setting in (1, 2):
        configs.append(tmp_path / f"setting{setting}/config.py")
        configs[-1].parent.mkdir()
        shutil.copy(cell("plain"), configs[-1])
    command = ["plan", "--work", tmp_path / "work", "--settings", 1, 2, "--models", "mask_r50", "--seeds", 0]
    done = stage(*command, "--configs", *configs)
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| setting")]
    names = ["| setting1/mask_r50/seed0", "| setting2/mask_r50/seed0"]
    assert [row[0] for row in rows] == names * 2  # of the trainings, and of the expected hours
    # 3 training images twice an epoch at 2 images a step, 3 epochs
    assert [row[1:4] for row in rows[:2]] == [["3", "9", "18"]] * 2
    assert "not started" in rows[0]
    assert "plan: counted mask_r50 1/1: " in done.stderr  # once for both
    few = stage(*command, "--configs", configs[0])
    assert few.returncode == 2
    wanted = "one for each of the settings, models and seeds, in their order"
    assert few.stderr == f"error: --configs: 1 files found, wanted 2: {wanted}\n"
