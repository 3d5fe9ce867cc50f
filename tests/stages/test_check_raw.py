"""check_part.py and check_raw.py: the parts together, and counts that differ from the expected ones."""

import json

import pytest


@pytest.fixture
def checked(drawn, stage, tmp_path):
    """A folder with the checks of all three parts of the drawn data, made by the command line."""
    for part in ("train", "test", "test_masks"):
        masks = ["--test-masks", drawn / "test_masks"] if part == "test_masks" else []
        out = tmp_path / f"{part}.json"
        done = stage("check_part", "--dataset", drawn / "dataset", *masks, "--part", part, "--out", out)
        assert done.returncode == 0, done.stderr
    return tmp_path


def join(stage, folder, *arguments):
    """Run check_raw.py on the checks in a folder."""
    parts = ["--train", folder / "train.json", "--test", folder / "test.json"]
    return stage("check_raw", *parts, *arguments, "--out", folder / "o.json", "--summary", folder / "o.md")


def test_differing_counts_are_a_loud_warning_and_no_error(drawn, stage, checked):
    train = len(list(drawn.glob("dataset/train/*/masks/*.png")))
    masks = ["--test-masks", checked / "test_masks.json"]
    done = join(stage, checked, *masks, "--expected", f"train={train}", "test=1", "setting1_train=1")
    assert done.returncode == 0, done.stderr
    test = len(list(drawn.glob("test_masks/*/masks/*.png")))
    assert json.loads((checked / "o.json").read_text())["comparison"] == {
        "train": {"found": train, "expected": train, "equal": True},
        "test": {"found": test, "expected": 1, "equal": False},
    }
    text = (checked / "o.md").read_text()
    assert text.startswith("**WARNING: counts differ from the expected ones: test**")
    assert f"| test | {test} | 1 **differs** |" in text
    assert f"warning: test: {test} nuclei found, 1 expected" in done.stderr


def test_without_test_masks_the_test_images_stand_alone(drawn, stage, checked):
    done = join(stage, checked, "--expected", "test=1")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads((checked / "o.json").read_text())
    assert [row["nuclei"] for row in found["images"] if row["set"] == "test"] == [0, 0]
    assert (found["counts"]["test"], found["comparison"], found["test_masks"]) == (0, {}, False)
    assert "no masks" in (checked / "o.md").read_text()


def test_pixel_sizes_that_differ_and_classes_without_nuclei_are_warnings(stage, checked):
    rows = [
        {"set": part, "id": part, "pixel_size": size, "notes": [], "changed": [], "categories": {"round": 2}}
        for part, size in (("train", 0.25), ("test", 0.5))
    ]
    imported = {"format": "coco_json", "test_format": None, "found_by_itself": True, "images": rows, "notes": {}}
    (checked / "i.json").write_text(json.dumps(imported | {"classes": ["round", "long"]}))
    done = join(stage, checked, "--imported", checked / "i.json")
    assert (done.returncode, done.stderr.splitlines()) == (
        0,
        [
            "warning: pixel size: 0.25 µm in the training images and 0.5 µm in the test images found, wanted a "
            "difference of 20% at most; resize one of them",
            "warning: class long: no nucleus in the training images",
            "warning: class long: no nucleus in the test images",
        ],
    )
    text = (checked / "o.md").read_text(encoding="utf-8")
    assert "**WARNING: class long: no nucleus in the test images**" in text
    assert "- Pixel size: 0.5 µm in 1 test images" in text


def test_a_part_names_what_it_reads_alone(drawn, checked):
    rows = {part: json.loads((checked / f"{part}.json").read_text())["images"] for part in ("train", "test")}
    assert [row["id"] for row in rows["train"]] == ["DEMO-01", "DEMO-02", "DEMO-03"]
    assert [(row["id"], row["nuclei"]) for row in rows["test"]] == [("DEMO-04", 0), ("DEMO-05", 0)]
