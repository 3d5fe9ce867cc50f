"""The data stages as command lines, one after the other, on drawn data: files, numbers, and bad input."""

import hashlib
import json
import os
from pathlib import Path

import pytest
import yaml
from support.damage import CHECK, COUNT, answered


def read(path):
    return json.loads(path.read_text())


@pytest.fixture
def converted(drawn, stage, tmp_path):
    """checked.json, split.json and train.json (exact polygons) of the drawn data, made by their command lines."""
    data = drawn / "dataset"
    for script, *arguments in (
        ("check_part", "--dataset", data, "--part", "train", "--out", "checked.json"),
        ("make_split", "--checked", "checked.json", "--validation-fraction", 0.34, "--seed", 1,
         "--out", "split.json"),
        ("convert_train", "--dataset", data, "--method", "exact", "--segmentation", "polygon",
         "--out", "train.json", "--threads", 2),
    ):  # fmt: skip
        done = stage_in(stage, tmp_path, script, *arguments)
        assert done.returncode == 0, done.stderr
    return tmp_path


def stage_in(stage, folder, script, *arguments):
    return stage(script, *arguments, cwd=folder)


def test_settings_share_the_training_file_s_numbers(converted, stage):
    done = stage_in(stage, converted, "write_annotations", "--annotations", "train.json", "--split", "split.json",
                    "--out-dir", "a")  # fmt: skip
    assert done.returncode == 0, done.stderr
    whole, split = read(converted / "train.json"), read(converted / "split.json")
    for half in ("train", "validation"):
        assert read(converted / f"a/setting2/{half}.json") == whole
        part = read(converted / f"a/setting1/{half}.json")
        assert [image["file_name"].split("/")[0] for image in part["images"]] == split[half]
        assert all(image in whole["images"] for image in part["images"])
        numbers = {image["id"] for image in part["images"]}
        assert part["annotations"] == [row for row in whole["annotations"] if row["image_id"] in numbers]
    parts = [read(converted / f"a/setting1/{half}.json") for half in ("train", "validation")]
    assert sum(len(part["annotations"]) for part in parts) == len(whole["annotations"])


def test_a_fold_tests_what_it_does_not_train_on(converted, stage):
    whole = read(converted / "train.json")
    ids = [image["file_name"].split("/")[0] for image in whole["images"]]
    (converted / "checked.json").write_text(json.dumps({"images": [{"id": id_} for id_ in ids]}))
    done = stage_in(stage, converted, "make_folds", "--checked", "checked.json", "--count", "3", "--out-dir", "folds")
    assert done.returncode == 0, done.stderr
    exact = {**whole, "info": {**whole["info"], "of": "the other converter"}}
    (converted / "exact.json").write_text(json.dumps(exact))
    done = stage_in(stage, converted, "write_fold_annotations", "--annotations", "train.json", "--exact", "exact.json",
                    "--fold", "folds/fold2.json", "--out-dir", "fold2")  # fmt: skip
    assert done.returncode == 0, done.stderr
    fold = read(converted / "folds/fold2.json")
    numbers = {id_: image["id"] for id_, image in zip(ids, whole["images"], strict=True)}
    for part in ("train", "validation", "test"):
        content = read(converted / f"fold2/{part}.json")
        assert [image["id"] for image in content["images"]] == sorted(numbers[id_] for id_ in fold[part])
        own = [row for row in whole["annotations"] if row["image_id"] in {numbers[id_] for id_ in fold[part]}]
        assert content["annotations"] == own != []
        assert ("of" in content["info"]) == (part == "test")
    alone = read(converted / "fold2/test_images.json")
    assert alone["images"] == read(converted / "fold2/test.json")["images"] and alone["annotations"] == []


def test_imantics_file_is_the_same_byte_for_byte(drawn, stage, tmp_path, monkeypatch):
    digests = set()
    for seed in ("1", "2"):  # of Python's hashes: no order may depend on it
        monkeypatch.setitem(os.environ, "PYTHONHASHSEED", seed)
        out = tmp_path / f"{seed}.json"
        done = stage("convert_train", "--dataset", drawn / "dataset", "--method", "imantics",
                     "--out", out, "--threads", seed)  # fmt: skip
        assert done.returncode == 0, done.stderr
        digests.add(hashlib.sha256(out.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_loss_summary_lists_what_was_dropped(drawn, converted, stage):
    stage_in(stage, converted, "convert_train", "--dataset", drawn / "dataset", "--method", "imantics",
             "--out", "i.json")  # fmt: skip
    done = stage_in(stage, converted, "measure_conversion_loss", "--dataset", drawn / "dataset", "--coco", "i.json",
                    "train.json", "--out", "loss.json", "--summary", "loss.md")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "- imantics: DEMO-02 mask_" in (converted / "loss.md").read_text()
    loss = read(converted / "loss.json")["converters"]
    assert loss["exact"]["iou_mean"] == 1 > loss["imantics"]["iou_mean"]


def test_loss_needs_files_of_different_converters(drawn, converted, stage):
    (converted / "other.json").write_text('{"images": []}')
    done = stage_in(stage, converted, "measure_conversion_loss", "--dataset", drawn / "dataset", "--coco", "train.json",
                    "train.json", "other.json", "--out", "loss.json", "--summary", "loss.md")  # fmt: skip
    assert done.returncode == 2
    assert [line.split(",")[0] for line in done.stderr.splitlines()] == [
        "error: train.json: made by exact as train.json was",
        "error: other.json: no converter in info or no annotations",
    ]


def test_tiles_appear_with_their_annotations(drawn, converted, stage):
    done = stage_in(
        stage,
        converted,
        "cut_tiles",
        "--annotations",
        "train.json",
        "--dataset",
        drawn / "dataset/train",
        "--size",
        64,
        "--stride",
        50,
        "--out-annotations",
        "tiles.json",
        "--out-images",
        "tiles",
    )
    assert done.returncode == 0, done.stderr
    names = {image["file_name"] for image in read(converted / "tiles.json")["images"]}
    assert names == {str(p.relative_to(converted / "tiles")) for p in (converted / "tiles").rglob("*.png")}
    assert "DEMO-01/64_50.png" in names
    assert not (converted / ".tiles.new").exists()


def test_stride_that_leaves_gaps_is_refused(drawn, converted, stage):
    done = stage_in(
        stage,
        converted,
        "cut_tiles",
        "--annotations",
        "train.json",
        "--dataset",
        drawn / "dataset/train",
        "--size",
        32,
        "--stride",
        50,
        "--out-annotations",
        "tiles.json",
        "--out-images",
        "tiles",
    )
    assert done.stderr.splitlines() == [
        "error: tiles: stride 50 and size 32 found, wanted 0 < stride <= size; correct them"
    ]


def test_names_with_spaces_and_letters_of_any_script_go_all_the_way(raw, capsys, monkeypatch):
    monkeypatch.chdir(raw)
    train, test = Path("dataset/train"), Path("dataset/test")
    names = {"DEMO-01": "Schnitt Nr. 7 (größer)", "DEMO-02": "切片 2", "DEMO-03": "c'd & $e"}
    for old, new in names.items():
        (train / old / f"images/{old}.png").rename(train / old / f"images/{new}.png")
        (train / old / "masks/mask_0001.png").rename(train / old / "masks/маска é 1.png")
        (train / old).rename(train / new)
    (test / "DEMO-04.png").rename(test / "ряд 4.png")
    Path("test_masks/DEMO-04").rename("test_masks/ряд 4")
    ids = read(Path("dataset/test_img_ids.json"))
    ids[0]["file_name"] = "ряд 4.png"
    Path("dataset/test_img_ids.json").write_text(
        "\ufeff" + json.dumps(ids), encoding="utf-8"
    )  # as Windows' editor saves
    Path("s.yaml").write_text(
        yaml.safe_dump({"train": list(names.values())[:2], "validation": [names["DEMO-03"]]}, allow_unicode=True)
    )
    for command in (
        CHECK,
        f"{COUNT} --split s.yaml",
        "make_split --checked c.json --file s.yaml --out split.json",
        "convert_train --dataset dataset --out train.json --method exact --segmentation polygon",
        "convert_train --dataset dataset --out imantics.json --method imantics",
        "convert_test --dataset dataset --out test.json --test-masks test_masks",
        "list_test_images --dataset dataset --out test_images.json",
        "write_annotations --annotations train.json --split split.json --out-dir a",
        "cut_tiles --annotations a/setting1/train.json --dataset dataset/train --size 64 --stride 64"
        " --out-annotations t.json --out-images tiles",
        "measure_conversion_loss --dataset dataset --coco train.json imantics.json --out loss.json --summary loss.md",
    ):
        status, lines = answered(capsys, monkeypatch, command)
        assert (status, [line for line in lines if line.startswith(("error", "warning"))]) == (0, []), command
    found = [image["file_name"] for image in read(Path("a/setting1/validation.json"))["images"]]
    assert found == ["c'd & $e/images/c'd & $e.png"]
    assert read(Path("test.json"))["images"][0]["file_name"] == "ряд 4.png"
    assert read(Path("test_images.json"))["images"] == read(Path("test.json"))["images"]
    assert read(Path("test_images.json"))["annotations"] == []
    whole = read(Path("train.json"))
    assert {image["file_name"].split("/")[0] for image in whole["images"]} == set(names.values())
    assert sum(row["mask"] == "маска é 1.png" for row in whole["annotations"]) == 3
    assert len(list(Path("tiles").glob("*/*.png"))) == len(read(Path("t.json"))["images"]) == 8
    assert "切片 2" in Path("o.md").read_text(encoding="utf-8")
