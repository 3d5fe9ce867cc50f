"""Raw data: what is read, what is ignored, and one clear line for each thing that is wrong."""

import json
import shutil

import cv2
import numpy as np
import pytest
from check_raw import check, parse_expected

from nuclei.raw import bounding_box, read_layout, read_mask
from nuclei.stage import InputError


def first_mask(raw):
    return raw / "dataset/train/DEMO-01/masks/mask_0001.png"


def problems_of(raw, masks=True, **options):
    with pytest.raises(InputError) as caught:
        check(raw / "dataset", raw / "test_masks" if masks else None, **options)
    return caught.value.problems


def test_counts_equal_the_files(drawn):
    result = check(drawn / "dataset", drawn / "test_masks", threads=2)
    files = [p for p in drawn.glob("dataset/train/*/masks/*.png")]
    assert result["counts"] == {"train": len(files), "test": len(list(drawn.glob("test_masks/*/masks/*.png")))}
    assert [row["id"] for row in result["images"]] == [f"DEMO-0{n}" for n in (1, 2, 3, 4, 5)]
    assert [row["number"] for row in result["images"]] == [1, 2, 3, 1, 2]
    areas = [np.count_nonzero(cv2.imread(str(p), 0)) for p in drawn.glob("dataset/train/DEMO-02/masks/*.png")]
    assert result["images"][1]["median_area"] == np.median(areas)


def test_clutter_is_ignored_and_named(drawn):
    ignored = check(drawn / "dataset", drawn / "test_masks")["ignored"]
    assert sorted(ignored) == [
        ["dataset/test/.ipynb_checkpoints/DEMO-04-checkpoint.png", "notebook left-over"],
        ["dataset/train/DEMO-01/masks/.ipynb_checkpoints/mask_0002-checkpoint.png", "notebook left-over"],
    ]


def test_without_test_masks_test_images_have_no_nuclei(drawn):
    result = check(drawn / "dataset")
    assert result["counts"]["test"] == 0
    assert result["test_masks"] is False


def test_halves_of_a_split_are_counted(drawn):
    split = {"train": ["DEMO-01", "DEMO-03"], "validation": ["DEMO-02"]}
    result = check(drawn / "dataset", split=split, expected={"train": 5})
    rows = {row["id"]: row["nuclei"] for row in result["images"]}
    assert result["counts"]["setting1_train"] == rows["DEMO-01"] + rows["DEMO-03"]
    assert result["counts"]["setting1_validation"] == rows["DEMO-02"]


def test_differing_counts_are_a_loud_warning_and_no_error(drawn, stage, tmp_path):
    train = len(list(drawn.glob("dataset/train/*/masks/*.png")))
    done = stage(
        "check_raw", "--dataset", drawn / "dataset", "--expected", f"train={train}", "test=1", "setting1_train=1",
        "--test-masks", drawn / "test_masks", "--out", tmp_path / "o.json", "--summary", tmp_path / "o.md",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    test = len(list(drawn.glob("test_masks/*/masks/*.png")))
    assert json.loads((tmp_path / "o.json").read_text())["comparison"] == {
        "train": {"found": train, "expected": train, "equal": True},
        "test": {"found": test, "expected": 1, "equal": False},
    }
    text = (tmp_path / "o.md").read_text()
    assert text.startswith("**WARNING: counts differ from the expected ones: test**")
    assert f"| test | {test} | 1 **differs** |" in text
    assert f"warning: test: {test} nuclei found, 1 expected" in done.stderr


def test_expected_count_of_an_unknown_name_is_refused():
    with pytest.raises(InputError, match="trian found, wanted one of train, test, setting1_train, setting1_validation"):
        parse_expected(["train=1", "trian=2"])


def test_split_of_other_images_is_a_problem_of_the_check(drawn):
    with pytest.raises(InputError) as caught:
        check(drawn / "dataset", split={"train": ["DEMO-01", "X"], "validation": ["DEMO-02"]}, split_file="s.yaml")
    assert caught.value.problems == [
        "s.yaml: X is no training image; remove it",
        "s.yaml: DEMO-03 is in neither half; add it",
    ]


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), array)


def damage_values(raw):
    write(first_mask(raw), np.full((128, 128), 7, np.uint8))


def damage_rgb(raw):
    write(first_mask(raw), np.zeros((128, 128, 3), np.uint8))


def damage_16_bit(raw):
    write(first_mask(raw), np.full((128, 128), 255, np.uint16))


def damage_empty(raw):
    write(first_mask(raw), np.zeros((128, 128), np.uint8))


def damage_size(raw):
    write(first_mask(raw), np.full((64, 128), 255, np.uint8))


def damage_png(raw):
    first_mask(raw).write_bytes(first_mask(raw).read_bytes()[:40])


def damage_image(raw):
    (raw / "dataset/train/DEMO-01/images/DEMO-01.png").write_bytes(b"no picture")


def damage_overlap(raw):
    write(raw / "dataset/train/DEMO-01/masks/mask_9999.png", cv2.imread(str(first_mask(raw)), 0))


def remove_image(raw):
    (raw / "dataset/train/DEMO-01/images/DEMO-01.png").unlink()


def remove_masks(raw):
    for path in (raw / "dataset/train/DEMO-02/masks").glob("*.png"):
        path.unlink()


def unknown_test_id(raw):
    ids = json.loads((raw / "dataset/test_img_ids.json").read_text())
    ids[0]["file_name"] = "OTHER.png"
    (raw / "dataset/test_img_ids.json").write_text(json.dumps(ids))


def repeated_test_id(raw):
    ids = json.loads((raw / "dataset/test_img_ids.json").read_text())
    ids[1]["id"] = ids[0]["id"]
    (raw / "dataset/test_img_ids.json").write_text(json.dumps(ids))


def wrong_test_size(raw):
    ids = json.loads((raw / "dataset/test_img_ids.json").read_text())
    ids[0]["width"] = 100
    (raw / "dataset/test_img_ids.json").write_text(json.dumps(ids))


def ids_no_json(raw):
    (raw / "dataset/test_img_ids.json").write_text("{")


def ids_missing(raw):
    (raw / "dataset/test_img_ids.json").unlink()


def same_name_but_case(raw):
    shutil.copy(first_mask(raw), first_mask(raw).with_name("MASK_0001.PNG"))


def test_image_also_trains(raw):
    (raw / "dataset/train/DEMO-01").rename(raw / "dataset/train/DEMO-04")
    (raw / "dataset/train/DEMO-04/images/DEMO-01.png").rename(raw / "dataset/train/DEMO-04/images/DEMO-04.png")


test_image_also_trains.__test__ = False


@pytest.mark.parametrize(
    ("damage", "wanted"),
    [
        (damage_values, "mask_0001.png: values [7] found, wanted 0 and 255"),
        (damage_rgb, "mask_0001.png: 3 channels of uint8 found, wanted 1 of uint8"),
        (damage_16_bit, "mask_0001.png: 1 channels of uint16 found"),
        (damage_empty, "mask_0001.png: empty mask"),
        (damage_size, "mask_0001.png: 128x64 px found, wanted 128x128"),
        (damage_png, "mask_0001.png: not a readable PNG"),
        (damage_image, "DEMO-01.png: not a readable PNG"),
        (damage_overlap, "mask_0001.png and mask_9999.png overlap in"),
        (remove_image, "DEMO-01.png: not found (images/ holds nothing)"),
        (remove_masks, "DEMO-02/masks: holds no PNG"),
        (unknown_test_id, "OTHER.png: found in test_img_ids.json but not in test/"),
        (repeated_test_id, "with id 1 found twice"),
        (wrong_test_size, "128x128 px found, wanted 100x128"),
        (ids_no_json, "test_img_ids.json: not JSON"),
        (ids_missing, "test_img_ids.json: cannot be read"),
        (same_name_but_case, "mask_0001.png: same name as MASK_0001.PNG but for case"),
        (test_image_also_trains, "DEMO-04 found in train/ and in test/"),
    ],
)
def test_bad_input_is_named(raw, damage, wanted):
    damage(raw)
    problems = problems_of(raw)
    assert any(wanted in problem for problem in problems), problems


def test_all_problems_come_at_once(raw):
    damage_values(raw)
    write(raw / "dataset/train/DEMO-03/masks/mask_0002.png", np.zeros((128, 128), np.uint8))
    remove_image_problem = len(problems_of(raw))
    assert remove_image_problem == 2


def test_lost_ids_do_not_hide_other_problems(raw):
    ids_missing(raw)
    damage_values(raw)
    assert [problem.split(": ")[0].rsplit("/", 1)[1] for problem in problems_of(raw)] == [
        "test_img_ids.json",
        "mask_0001.png",
    ]


def test_overlap_may_be_allowed(raw):
    damage_overlap(raw)
    pixels = int(np.count_nonzero(cv2.imread(str(first_mask(raw)), 0)))
    rows = check(raw / "dataset", allow_overlap=True)["images"]
    assert rows[0]["overlaps"] == [["mask_0001.png", "mask_9999.png", pixels]]


def test_values_0_and_1_are_tolerated(raw):
    array = cv2.imread(str(first_mask(raw)), 0)
    write(first_mask(raw), (array > 0).astype(np.uint8))
    assert np.array_equal(read_mask(first_mask(raw)), array > 0)


def test_bounding_box_is_exclusive():
    mask = np.zeros((5, 7), bool)
    mask[1:3, 2:6] = True
    assert bounding_box(mask) == (2, 1, 6, 3)


def test_command_prints_one_line_a_problem_and_no_traceback(raw, stage, tmp_path):
    damage_values(raw)
    done = stage(
        "check_raw", "--dataset", raw / "dataset", "--out", tmp_path / "o.json", "--summary", tmp_path / "o.md"
    )
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "o.json").exists()


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match="not found, wanted a folder with train/"):
        read_layout(tmp_path / "none")
