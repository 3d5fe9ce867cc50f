"""Outputs of a finished training: kept weights as links, the score table, and whether they are there already."""

import json

import pytest

from nuclei.scoring.names import NAMES
from nuclei.training.outputs import Outputs, Trained, are_in_place, put_in_place
from nuclei.training.selection import read_epochs


@pytest.fixture
def work(tmp_path):
    """The work folder of a training of three epochs, of which two epochs' weights are kept."""
    folder = tmp_path / "work/0123456789abcdef"
    folder.mkdir(parents=True)
    for name in ("epoch_2.pth", "epoch_3.pth", "last.pth"):
        (folder / name).write_text(name)
    lines = [json.dumps({"mode": "train", "epoch": epoch, "loss": 0.5}) for epoch in (1, 2, 3, 4)]
    (folder / "log.jsonl").write_text("\n".join([*lines, '{"mode": "tr']))  # a later epoch, and what a kill left
    return folder


@pytest.fixture
def outputs(tmp_path):
    """Where the outputs go."""
    folder = tmp_path / "cell"
    return Outputs(folder / "checkpoints", folder / "epochs.tsv", folder / "log.jsonl", folder / "training.json")


ROWS = [{"epoch": epoch, **dict.fromkeys(NAMES, score)} for epoch, score in ((1, None), (2, 0.5), (3, None))]


def trained(work, kept=(2, 3)):
    """A training of three epochs; the validation images of the third hold no nucleus."""
    return Trained(work, [], ROWS, {2, 3}, set(kept), 1.0)


def test_kept_weights_are_linked_and_the_table_says_which(work, outputs):
    (work / "epoch_1.pth").write_text("not kept by this config")
    put_in_place(trained(work), outputs)
    assert sorted(path.name for path in outputs.checkpoints.iterdir()) == ["epoch_2.pth", "epoch_3.pth"]
    assert (outputs.checkpoints / "epoch_3.pth").samefile(work / "epoch_3.pth")
    header, *rows = outputs.epochs.read_text().splitlines()
    assert header == "\t".join(["epoch", *NAMES, "kept"])
    assert rows == ["1\t\t\t\t\t\t\t0", "2" + 6 * "\t0.5" + "\t1", "3\t\t\t\t\t\t\t1"]
    assert [row["kept"] for row in read_epochs(outputs.epochs)] == [False, True, True]
    log = [json.loads(line) for line in outputs.log.read_text().splitlines()]
    assert [(row["mode"], row["epoch"]) for row in log] == [
        ("train", 1),
        ("train", 2),
        ("val", 2),
        ("train", 3),
        ("val", 3),
    ]
    assert (log[2]["ap50_100"], log[4]["ap50_100"]) == (0.5, None)
    assert not outputs.provenance.exists()


def test_older_outputs_are_replaced(work, outputs):
    for folder in (outputs.checkpoints, outputs.checkpoints.with_name(".checkpoints.new")):
        folder.mkdir(parents=True)
        (folder / "epoch_9.pth").write_text("older")
    put_in_place(trained(work), outputs)
    assert sorted(path.name for path in outputs.checkpoints.iterdir()) == ["epoch_2.pth", "epoch_3.pth"]
    assert not outputs.checkpoints.with_name(".checkpoints.new").exists()


def test_outputs_are_in_place_only_for_this_work_folder_this_config_and_all_epochs(work, outputs):
    def there(found=None, name=work.name, config="c"):
        return are_in_place(found or trained(work), name, config, outputs)

    assert not there()
    put_in_place(trained(work), outputs)
    assert not there()
    outputs.provenance.write_text(json.dumps({"work": work.name, "epochs": 3, "config_sha256": "c"}))
    assert there()
    assert not there(Trained(work, [], ROWS[:2], {2}, {2}, 1.0))
    assert not there(trained(work, kept=[3]))  # other checkpoints are asked for
    assert not there(config="of moved data")
    assert not there(name="fedcba9876543210")
    outputs.log.unlink()
    assert not there()
