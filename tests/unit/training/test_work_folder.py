"""The work folder: bound to what changes the weights and to nothing else, held by one process at a time."""

import json

import pytest
from mmcv import Config

from nuclei.common.files import write_json
from nuclei.common.stage import InputError
from nuclei.models.zoo import zoo_path
from nuclei.training.work_folder import binding, hold_work_folder, training_data_sha256


def config(folder, **change):
    """The keys of a cell's config that its training depends on, with changes."""
    data = {"ann_file": f"{folder}/train.json", "img_prefix": f"{folder}/images"}
    content = {
        "model": {
            "type": "MaskRCNN",
            "train_cfg": {"rpn_proposal": {"nms_pre": 9}},
            "test_cfg": {"rpn": {"nms_pre": 5}},
        },
        "data": {"samples_per_gpu": 1, "train": {"type": "RepeatDataset", "dataset": data}, "val": data, "test": data},
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


def test_pixel_sizes_change_no_training(folder):
    images = [{"file_name": "a.png"}, {"file_name": "b.png"}]
    write_json(folder / "train.json", {"images": images}, indent=None)
    before = training_data_sha256(config(folder))
    write_json(folder / "train.json", {"images": [images[0] | {"pixel_size_um": 0.25}, images[1]]}, indent=None)
    assert training_data_sha256(config(folder)) == before
    write_json(folder / "train.json", {"images": [images[0] | {"pixel_size_um": 0.25}]}, indent=None)
    assert training_data_sha256(config(folder)) != before


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


def changed(folder, path, value):
    """The config with one key changed or added, by its dotted path."""
    found = config(folder)
    *parents, last = path.split(".")
    node = found
    for key in parents:
        node = node[key]
    node[last] = value
    return found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.train.dataset.ann_file", "elsewhere/train.json"),
        ("data.train.dataset.img_prefix", "elsewhere/"),
        ("data.val", {"ann_file": "elsewhere/validation.json", "pipeline": [{"type": "Resize"}]}),
        ("data.test", {"ann_file": "elsewhere/test.json"}),
        ("model.test_cfg", {"rpn": {"nms_pre": 7}, "rcnn": {"max_per_img": 300}}),
        ("load_from", "elsewhere/weights.pth"),
        ("evaluation", {"interval": 5}),
        ("custom_imports", {"imports": ["nuclei.augmentation"]}),
        ("work_dir", "work"),
        ("log_level", "INFO"),
        ("log_config", {"interval": 50}),
        ("checkpoint_config", {"interval": 1}),
        ("workflow", [("train", 1)]),
        ("dist_params", {"backend": "nccl"}),
        ("resume_from", "last.pth"),
    ],
)
def test_places_and_what_does_not_reach_the_weights_are_not_bound(path, value):
    assert binding(changed("data", path, value), "data", None) == binding(config("data"), "data", None)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.samples_per_gpu", 2),
        ("data.train.times", 3),
        ("data.train.dataset.pipeline", [{"type": "Resize"}]),
        ("model.train_cfg.rpn_proposal.nms_pre", 8),
        ("model.backbone", {"depth": 50}),
        ("tf32", True),
        ("precision", "bf16"),
    ],
)
def test_the_recipe_is_bound(path, value):
    assert binding(changed("data", path, value), "data", None) != binding(config("data"), "data", None)


def test_proposals_of_the_test_that_a_training_uses_are_bound():
    """mmdet's two-stage detectors train on proposals made as in the test where the training says nothing of its own."""
    own = [changed("data", "model.train_cfg", {}) for _ in range(2)]
    own[1].model.test_cfg.rpn.nms_pre = 7
    assert len({binding(found, "data", None) for found in own}) == 2
    own[1].model.test_cfg = {"rpn": {"nms_pre": 5}, "rcnn": {"max_per_img": 300}}
    assert len({binding(found, "data", None) for found in own}) == 1


def test_order_of_keys_and_form_of_lists_count_for_nothing():
    found = config("data")
    other = Config({key: found[key] for key in reversed(list(found.keys()))})
    other.lr_config.step = (9,)
    assert binding(other, "data", None) == binding(found, "data", None)


def test_a_config_of_the_zoo_is_hashed_whole_and_stays_as_it_was():
    found = Config.fromfile(str(zoo_path("mask_rcnn/mask_rcnn_r50_fpn_1x_coco")))
    before = found.pretty_text
    assert len(binding(found, "data", None)) == 64
    assert found.pretty_text == before


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
