"""Validation as a step of its own, and outputs that are cut to the present config, against fresh trainings.

The trainings run in this process, with real mmdet on drawn data.
"""

import json
import shutil

import pytest
import torch
from mmcv import Config

from nuclei.common.files import sha256
from nuclei.scoring import average_precision
from nuclei.training import loop, outputs, validation
from nuclei.training.cost import epochs_done
from nuclei.training.outputs import Outputs, put_in_place
from nuclei.training.selection import choose, read_epochs
from nuclei.training.shortened import shorter_folder
from nuclei.training.work_folder import binding, training_data_sha256

KEEP = {"best": 1, "metrics": ["ap50_100"], "every": 0}


def outputs_in(folder):
    return Outputs(folder / "checkpoints", folder / "epochs.tsv", folder / "log.jsonl", folder / "training.json")


def train(path, folder, keep=KEEP):
    """Train in folder/<hash> and put the outputs beside it; returns the work folder."""
    torch.set_num_threads(1)
    config = Config.fromfile(path)
    work = folder / binding(config, training_data_sha256(config), None)[:16]
    work.mkdir(parents=True, exist_ok=True)
    put_in_place(loop.train(config, work, torch.device("cpu"), "cell", keep), outputs_in(folder))
    return work


def published(folder):
    """{file: content} of the outputs, without the clock."""
    found = {path.name: sha256(path) for path in (folder / "checkpoints").iterdir()}
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    log = [{key: value for key, value in row.items() if key != "seconds_per_iter"} for row in rows]
    return {**found, "epochs.tsv": (folder / "epochs.tsv").read_text(), "log.jsonl": log}


@pytest.fixture(scope="module")
def fresh(cell, tmp_path_factory):
    """A function: (config, folder) of a fresh training of so many epochs, of which every second one is validated."""
    made = {}

    def of(epochs):
        if epochs not in made:
            config = cell(f"fresh{epochs}", epochs=epochs, validate_every=2, schedule=[9], repeat=1)
            folder = tmp_path_factory.mktemp(f"fresh{epochs}")
            train(config, folder)
            made[epochs] = config, folder
        return made[epochs]

    return of


@pytest.fixture
def no_training(fresh, monkeypatch):
    """Neither a training step nor a look at an image is allowed, once there is a training of three epochs."""
    fresh(3)

    def refuse(*_arguments, **_options):
        raise AssertionError("trains or predicts")

    monkeypatch.setattr(loop, "fit", refuse)
    monkeypatch.setattr(validation, "predict", refuse)


def test_every_second_and_the_last_epoch_are_validated(fresh):
    rows = read_epochs(fresh(3)[1] / "epochs.tsv")
    assert [row["ap50_100"] is not None for row in rows] == [False, True, True]
    asked = object.__new__(validation.Validation)
    for asked.every, asked.epochs, epochs in ((2, 5, [2, 4, 5]), (0, 5, []), (2, None, [2, 4])):
        assert [epoch for epoch in range(1, 6) if asked.asks_for(epoch)] == epochs


def test_raised_epochs_equal_a_fresh_training(fresh, tmp_path):
    """Epoch 3 was validated as the last of three; with four it has no score, and epoch 2 is still there."""
    folder = tmp_path / "raised"
    shutil.copytree(fresh(3)[1], folder)
    (work,) = [path for path in folder.iterdir() if path.is_dir() and path.name != "checkpoints"]
    assert (work / "epoch_2.pth").exists()
    assert train(fresh(4)[0], folder) == work
    assert published(folder) == published(fresh(4)[1])
    assert [row["ap50_100"] is None for row in read_epochs(folder / "epochs.tsv")] == [True, False, True, False]


def test_lowered_epochs_equal_a_fresh_training_and_the_longer_one_stays(fresh, tmp_path, capsys):
    """Two of three are taken from the last state but one; the weights of one of three are gone."""
    folder = tmp_path / "lowered"
    shutil.copytree(fresh(3)[1], folder)
    (work,) = [path for path in folder.iterdir() if path.is_dir() and path.name != "checkpoints"]
    (work / "epoch_2.pth").unlink()
    before = {path.name: sha256(path) for path in work.glob("*.pth")}
    for epochs, made in ((2, False), (1, True), (3, False)):
        config = fresh(epochs)[0]
        done = epochs_done(folder / "none", folder, Config.fromfile(config), KEEP)
        assert done == (0 if made else epochs)
        assert train(config, folder) == work
        assert published(folder) == published(fresh(epochs)[1])
        assert shorter_folder(work, epochs).exists() is made
        assert choose(read_epochs(folder / "epochs.tsv"), "last")["epoch"] == epochs
        assert epochs_done(folder / "none", folder, Config.fromfile(config), KEEP) == epochs
        assert before.items() <= {path.name: sha256(path) for path in work.glob("*.pth")}.items()
    assert "3 epochs are trained in" in capsys.readouterr().err


def test_another_scorer_scores_the_kept_predictions_again_and_trains_nothing(
    fresh, tmp_path, monkeypatch, no_training, capsys
):
    config, wanted = fresh(3)
    folder = tmp_path / "again"
    shutil.copytree(wanted, folder)
    for path in folder.glob("*/validation/*.json"):
        content = json.loads(path.read_text())
        path.write_text(json.dumps(content | {"scores": dict.fromkeys(content["scores"], 0.125)}))
    train(config, folder)  # the same scorer takes the scores that are there
    assert "0.125" in (folder / "epochs.tsv").read_text()
    assert "scored again" not in capsys.readouterr().err
    monkeypatch.setattr(validation, "scorer_sha256", lambda: "another")
    train(config, folder)
    assert published(folder) == published(wanted)
    assert capsys.readouterr().err.count("scored again, ap50_100 0.") == 2


def test_a_cap_more_is_scored_for_all_epochs_from_the_kept_predictions(fresh, tmp_path, monkeypatch, no_training):
    config, wanted = fresh(3)
    folder = tmp_path / "caps"
    shutil.copytree(wanted, folder)
    names = (*validation.NAMES, "ap_300", "ap50_300", "ap75_300")
    for module in (validation, outputs):
        monkeypatch.setattr(module, "NAMES", names)
    monkeypatch.setattr(average_precision.evaluate, "__defaults__", ((100, 300, 1000),))
    monkeypatch.setattr(validation, "scorer_sha256", lambda: "another")
    train(config, folder)
    header, *rows = [line.split("\t") for line in (folder / "epochs.tsv").read_text().splitlines()]
    assert header == ["epoch", *names, "kept"]
    assert [[value != "" for value in row[1:-1]] for row in rows] == [[False] * 9, [True] * 9, [True] * 9]
    before = read_epochs(wanted / "epochs.tsv")
    assert [row | {"kept": True} for row in read_epochs(folder / "epochs.tsv")] == [
        row | {"kept": True} for row in before
    ]


def test_scores_that_cannot_be_had_any_more_are_left_out_and_the_rest_goes_on(cell, fresh, tmp_path, capsys):
    """validate_every is set after a training of two epochs without any; the first one's weights are gone."""
    folder, steps = tmp_path / "none", {"schedule": [9], "repeat": 1}
    train(cell("never", epochs=2, validate_every=0, **steps), folder)
    assert [row["ap50_100"] for row in read_epochs(folder / "epochs.tsv")] == [None, None]
    train(cell("each", epochs=3, validate_every=1, **steps), folder)
    assert "no scores of 1 epochs from 1 on" in capsys.readouterr().err
    rows = read_epochs(folder / "epochs.tsv")
    wanted = read_epochs(fresh(3)[1] / "epochs.tsv")
    assert [row["ap50_100"] for row in rows] == [row["ap50_100"] for row in wanted]
    assert choose(rows, "best")["epoch"] in (2, 3)


def test_weights_that_cannot_be_had_any_more_are_named(fresh, tmp_path, no_training, capsys):
    folder = tmp_path / "every"
    shutil.copytree(fresh(3)[1], folder)
    train(fresh(3)[0], folder, KEEP | {"every": 1})
    gone = [epoch for epoch in (1, 2, 3) if not (folder / f"checkpoints/epoch_{epoch}.pth").exists()]
    assert gone[0] == 1 and [row["epoch"] for row in read_epochs(folder / "epochs.tsv") if not row["kept"]] == gone
    assert f"the weights of {len(gone)} epochs from 1 on are not kept" in capsys.readouterr().err


def test_damaged_predictions_and_other_ways_of_looking_are_predicted_again(fresh, tmp_path):
    found = Config.fromfile(fresh(3)[0])
    before = validation.inference_sha256(found)
    found.data.val.ann_file = "elsewhere.json"
    assert validation.inference_sha256(found) == before
    found.model.test_cfg.rcnn.max_per_img = 7
    assert validation.inference_sha256(found) != before
    folder = tmp_path / "damaged"
    shutil.copytree(fresh(3)[1], folder)
    (kept,) = folder.glob("*/validation/epoch_3.json.gz")
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    kept.with_suffix("").unlink()
    train(fresh(3)[0], folder)
    assert published(folder) == published(fresh(3)[1])


def test_validation_images_without_a_nucleus_have_no_score(cell, tmp_path, capsys):
    config = cell("one", epochs=1, validate_every=1, repeat=1)
    content = json.loads((config.parent / "val.json").read_text())
    (tmp_path / "empty.json").write_text(json.dumps(content | {"annotations": []}))
    config = cell("empty", validation=tmp_path / "empty.json", epochs=1, validate_every=1, repeat=1)
    train(config, tmp_path / "out")
    assert "epoch 1/1: validation no nucleus in the validation images" in capsys.readouterr().err
    (row,) = read_epochs(tmp_path / "out/epochs.tsv")
    assert row["ap50_100"] is None and row["kept"]
    (log,) = [json.loads(line) for line in (tmp_path / "out/log.jsonl").read_text().splitlines() if '"val"' in line]
    assert log["ap_1000"] is None
