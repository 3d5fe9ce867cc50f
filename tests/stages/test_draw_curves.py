"""draw_curves.py: the same cells give the same file; too few files are named by their option."""

from support.curve_files import make_cell


def test_the_same_cells_give_the_same_file(stage, tmp_path):
    folder = make_cell(tmp_path, "mask_r50", [(1, 0.1), (2, 0.3)], 2)
    command = ["--setting", 1, "--models", "mask_r50", "--seeds", 0, "--epochs", folder / "epochs.tsv"]
    command += ["--logs", folder / "log.jsonl", "--choices", folder / "checkpoint.json"]
    for name in ("a.png", "b.png"):
        done = stage("draw_curves", *command, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    done = stage("draw_curves", *command, "--window", 256, "--out", tmp_path / "c.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "c.png").read_bytes()


def test_each_cell_gives_one_file_of_a_kind(stage, tmp_path):
    one, two = (make_cell(tmp_path, model, [(1, 0.1)], 1) for model in ("mask_r50", "mask_x101"))
    command = ["--setting", 1, "--models", "mask_r50", "mask_x101", "--seeds", 0, "--out", tmp_path / "a.png"]
    command += ["--epochs", one / "epochs.tsv", two / "epochs.tsv", "--choices", *[one / "checkpoint.json"] * 2]
    done = stage("draw_curves", *command, "--logs", one / "log.jsonl")
    assert done.returncode == 2
    assert done.stderr == (
        "error: --logs: 1 files found, wanted 2: one for each of the models and seeds, in their order\n"
    )
    assert not (tmp_path / "a.png").exists()
