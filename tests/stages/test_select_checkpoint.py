"""select_checkpoint.py changes the choice without training."""

import json

from nuclei.scoring.names import NAMES


def test_command_changes_the_choice_without_training(stage, tmp_path):
    header = "\t".join(["epoch", *NAMES, "kept"])
    lines = ["\t".join(["1", *["0.2"] * 6, "1"]), "\t".join(["2", *["0.1"] * 6, "1"])]
    (tmp_path / "epochs.tsv").write_text("\n".join([header, *lines]) + "\n")
    (tmp_path / "kept").mkdir()
    for epoch in (1, 2):
        (tmp_path / f"kept/epoch_{epoch}.pth").write_bytes(b"weights %d" % epoch)
    for policy, epoch in (("best", 1), ("last", 2)):
        done = stage(
            "select_checkpoint",
            "--epochs",
            tmp_path / "epochs.tsv",
            "--checkpoints",
            tmp_path / "kept",
            "--policy",
            policy,
            "--out-checkpoint",
            tmp_path / "c.pth",
            "--out",
            tmp_path / "c.json",
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "c.pth").read_bytes() == b"weights %d" % epoch
        assert json.loads((tmp_path / "c.json").read_text())["epoch"] == epoch
