"""Outputs of a finished training: kept weights as links, the score table, and whether they are there already."""

import json

import pytest

from nuclei.training.outputs import Outputs, are_in_place, put_in_place
from nuclei.training.selection import read_epochs


@pytest.fixture
def work(tmp_path):
    """The work folder of a training of three epochs, of which two epochs' weights are kept."""
    folder = tmp_path / "work/0123456789abcdef"
    folder.mkdir(parents=True)
    for name in ("epoch_2.pth", "epoch_3.pth", "last.pth"):
        (folder / name).write_text(name)
    (folder / "log.jsonl").write_text("{}\n")
    return folder


@pytest.fixture
def outputs(tmp_path):
    """Where the outputs go."""
    folder = tmp_path / "cell"
    return Outputs(folder / "checkpoints", folder / "epochs.tsv", folder / "log.jsonl", folder / "training.json")


ROWS = [{"epoch": epoch, "ap50_100": score} for epoch, score in ((1, None), (2, 0.5), (3, 0.25))]


def test_kept_weights_are_linked_and_the_table_says_which(work, outputs):
    put_in_place(work, ROWS, outputs)
    assert sorted(path.name for path in outputs.checkpoints.iterdir()) == ["epoch_2.pth", "epoch_3.pth"]
    assert (outputs.checkpoints / "epoch_3.pth").samefile(work / "epoch_3.pth")
    assert outputs.epochs.read_text() == "epoch\tap50_100\tkept\n1\t\t0\n2\t0.5\t1\n3\t0.25\t1\n"
    assert [row["kept"] for row in read_epochs(outputs.epochs)] == [False, True, True]
    assert outputs.log.read_text() == "{}\n"
    assert not outputs.provenance.exists()


def test_older_outputs_are_replaced(work, outputs):
    for folder in (outputs.checkpoints, outputs.checkpoints.with_name(".checkpoints.new")):
        folder.mkdir(parents=True)
        (folder / "epoch_9.pth").write_text("older")
    put_in_place(work, ROWS, outputs)
    assert sorted(path.name for path in outputs.checkpoints.iterdir()) == ["epoch_2.pth", "epoch_3.pth"]
    assert not outputs.checkpoints.with_name(".checkpoints.new").exists()


def test_outputs_are_in_place_only_for_this_work_folder_this_config_and_all_epochs(work, outputs):
    assert not are_in_place(work, 3, "c", outputs)
    put_in_place(work, ROWS, outputs)
    assert not are_in_place(work, 3, "c", outputs)
    outputs.provenance.write_text(json.dumps({"work": work.name, "epochs": 3, "config_sha256": "c"}))
    assert are_in_place(work, 3, "c", outputs)
    assert not are_in_place(work, 4, "c", outputs)
    assert not are_in_place(work, 3, "of moved data", outputs)
    assert not are_in_place(work.with_name("fedcba9876543210"), 3, "c", outputs)
    outputs.log.unlink()
    assert not are_in_place(work, 3, "c", outputs)
