"""The work folder: bound to what changes the weights and to nothing else, held by one process at a time."""

import json

import pytest
from mmcv import Config

from nuclei.common.stage import InputError
from nuclei.training.work_folder import binding, hold_work_folder, training_data_sha256


def config(folder, **change):
    """The keys of a cell's config that the work folder is bound to, with changes."""
    data = {"ann_file": f"{folder}/train.json", "img_prefix": f"{folder}/images"}
    content = {
        "data": {"train": {"type": "RepeatDataset", "dataset": data}, "val": data},
        "lr_config": {"policy": "step", "step": [9]},
        "runner": {"max_epochs": 3},
        "load_from": None,
        "evaluation": {"interval": 1},
        "seed": 0,
    }
    return Config(content | change)


@pytest.fixture
def folder(tmp_path):
    """Annotations of two images, and the images."""
    (tmp_path / "images").mkdir()
    for name in "ab":
        (tmp_path / f"images/{name}.png").write_text(name)
    (tmp_path / "train.json").write_text(json.dumps({"images": [{"file_name": "a.png"}, {"file_name": "b.png"}]}))
    return tmp_path


def test_the_data_are_the_annotations_and_the_images_that_they_name(folder):
    before = training_data_sha256(config(folder))
    (folder / "images/other.png").write_text("not named")
    assert training_data_sha256(config(folder)) == before
    (folder / "images/b.png").write_text("changed")
    changed = training_data_sha256(config(folder))
    (folder / "images/b.png").write_text("b")
    (folder / "train.json").write_text(json.dumps({"images": [{"file_name": "a.png"}]}))
    assert len({before, changed, training_data_sha256(config(folder))}) == 3
    for name in "ab":
        (folder / f"images/{name}.png").unlink()
    with pytest.raises(InputError) as caught:
        training_data_sha256(config(folder))
    assert caught.value.problems == [f"{folder}/images/a.png: not found, wanted an image; make the data again"]


def test_only_what_changes_the_weights_is_bound(tmp_path):
    before = binding(config(tmp_path), "data", None)
    more, checked = {"max_epochs": 9}, {"interval": 5}
    assert binding(config(tmp_path, runner=more, evaluation=checked), "data", None) == before
    cosine = {"policy": "CosineAnnealing", "min_lr_ratio": 0.01}
    others = [
        binding(config(tmp_path), "other data", None),
        binding(config(tmp_path), "data", "weights"),
        binding(config(tmp_path, seed=1), "data", None),
        binding(config(tmp_path, lr_config=cosine), "data", None),
        binding(config(tmp_path, lr_config=cosine, runner=more), "data", None),  # whose rate follows the epochs
    ]
    assert len({before, *others}) == 6


def test_a_held_folder_says_by_whom_and_is_free_again_when_closed(tmp_path, capsys):
    def stop():
        raise InterruptedError("asked to stop")

    first = hold_work_folder(tmp_path, "one", stop)
    text = (tmp_path / "lock").read_text()
    assert text.startswith("process ") and " on " in text
    with pytest.raises(InterruptedError):
        hold_work_folder(tmp_path, "two", stop)
    assert capsys.readouterr().err == f"two: another training ({text}) works in {tmp_path}: waits for it\n"
    first.close()
    hold_work_folder(tmp_path, "two", stop).close()
