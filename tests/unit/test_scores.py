"""Scores: equal to pycocotools over random cases; the ceiling by brute force; bad predictions by name."""

import json

import numpy as np
import pytest
from bench.scoring import by_pycocotools
from pycocotools import mask as coco_mask

from nuclei.coco.checks import check_ground_truth, check_predictions, rle_problem
from nuclei.common.stage import InputError
from nuclei.scoring.average_precision import ceiling, score
from nuclei.scoring.names import NAMES

SIDE = 40


def encode(mask):
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(s) for s in rle["size"]], "counts": rle["counts"].decode()}


def disk(random, at=None):
    x, y = at if at is not None else random.uniform(0, SIDE, 2)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    mask = (columns - x) ** 2 + (rows - y) ** 2 <= random.uniform(1.5, 5) ** 2
    return mask if mask.any() else disk(random)


def random_case(seed, images=3, most=12):
    """A ground truth and predictions near some of its nuclei, with ties among the scores."""
    random = np.random.default_rng(seed)
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "nucleus"}]}
    rows = []
    for number in range(1, images + 1):
        content["images"].append({"id": number, "file_name": f"{number}.png", "width": SIDE, "height": SIDE})
        for _ in range(random.integers(0, most)):
            at = random.uniform(3, SIDE - 3, 2)
            rle = encode(disk(random, at))
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "iscrowd": 0,
                    "area": int(coco_mask.area(rle)),
                    "bbox": coco_mask.toBbox(rle).tolist(),
                    "segmentation": rle,
                }
            )
            for _ in range(random.integers(0, 3)):
                rows.append((number, encode(disk(random, at + random.normal(0, 1, 2)))))
        rows += [(number, encode(disk(random))) for _ in range(random.integers(0, 4))]
    predictions = [
        {
            "image_id": n,
            "category_id": 1,
            "score": float(random.integers(1, 12)) / 12,
            "segmentation": rle,
            "bbox": [0, 0, 1, 1],
        }
        for n, rle in rows
    ]
    return content, predictions


@pytest.mark.parametrize("seed", range(40))
def test_equal_to_pycocotools(seed):
    content, rows = random_case(seed)
    if not content["annotations"] or not rows:
        pytest.skip("a case without nuclei or predictions, see below")
    found, wanted = score(content, rows), by_pycocotools(content, rows)
    for name in NAMES:
        assert found[name] == pytest.approx(wanted[name], abs=1e-12), name


def test_equal_to_pycocotools_beyond_both_caps():
    random = np.random.default_rng(5)
    content, rows = random_case(77, images=2, most=30)
    pool = [disk(random) for _ in range(60)]
    for number in (1, 2):
        for k in range(1100):
            rows.append(
                {
                    "image_id": number,
                    "category_id": 1,
                    "score": float(random.random()),
                    "segmentation": encode(pool[k % 60]),
                }
            )
    found, wanted = score(content, rows, per_image=False), by_pycocotools(content, rows)
    assert wanted["ap_100"] != wanted["ap_1000"]
    for name in NAMES:
        assert found[name] == pytest.approx(wanted[name], abs=1e-12), name


def test_each_image_alone_equals_pycocotools():
    content, rows = random_case(3)
    for row in score(content, rows)["per_image"]:
        alone = {
            **content,
            "images": [i for i in content["images"] if i["id"] == row["image_id"]],
            "annotations": [a for a in content["annotations"] if a["image_id"] == row["image_id"]],
        }
        own = [r for r in rows if r["image_id"] == row["image_id"]]
        assert (row["nuclei"], row["predictions"]) == (len(alone["annotations"]), len(own))
        if alone["annotations"] and own:
            wanted = by_pycocotools(alone, own)
            assert {name: row[name] for name in NAMES} == pytest.approx(wanted, abs=1e-12)


def test_the_reports_metric_is_ap50_at_100():
    found = score(*random_case(8))
    assert found["map_report"] == found["ap50_100"] != found["ap_100"]


def test_perfect_predictions_score_one():
    content, _ = random_case(1)
    rows = [{**row, "score": 0.5} for row in content["annotations"]]
    assert score(content, rows)["ap_100"] == pytest.approx(1.0)


def test_no_predictions_score_zero_and_no_nuclei_are_not_scored():
    content, rows = random_case(2)
    assert score(content, [])["ap_1000"] == 0.0
    empty = score({**content, "annotations": []}, rows)
    assert empty["scored"] is False
    assert empty["map_report"] is None
    assert empty["ceiling_report"] is None
    assert empty["predictions"] == len(rows)


@pytest.mark.parametrize(
    ("nuclei", "wanted"),
    [
        ([398, 342, 1584, 1165], 12 / 101),  # the report's validation images
        ([100, 50], 1.0),
        ([200], 51 / 101),
        ([101, 0], 100 / 101),
        ([], None),
    ],
)
def test_ceiling(nuclei, wanted):
    assert ceiling(nuclei) == wanted


def test_ceiling_is_what_perfect_detections_score():
    random = np.random.default_rng(0)
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "nucleus"}]}
    for number, count in ((1, 9), (2, 3), (3, 6)):
        content["images"].append({"id": number, "file_name": f"{number}.png", "width": SIDE, "height": SIDE})
        for k in range(count):
            mask = np.zeros((SIDE, SIDE), bool)
            mask[4 * k : 4 * k + 3, 5:9] = True
            rle = encode(mask)
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "iscrowd": 0,
                    "area": 12,
                    "bbox": coco_mask.toBbox(rle).tolist(),
                    "segmentation": rle,
                }
            )
    rows = [{**row, "score": float(random.random())} for row in content["annotations"]]
    assert by_pycocotools(content, rows, caps=(4, 1000))["ap50_4"] == pytest.approx(
        ceiling([9, 3, 6], cap=4), abs=1e-12
    )


@pytest.mark.parametrize("total", [50, 100, 200])
def test_ceiling_at_recalls_that_are_thresholds(total):
    """35 of 100 is a recall just below the 36th threshold of COCOeval: only the exact comparison finds it."""
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": SIDE, "height": SIDE}],
        "annotations": [],
        "categories": [{"id": 1, "name": "nucleus"}],
    }
    for k in range(total):
        mask = np.zeros((SIDE, SIDE), bool)
        mask[divmod(k, SIDE)] = True
        row = {"id": k + 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 1, "bbox": [0, 0, 1, 1]}
        content["annotations"].append({**row, "segmentation": encode(mask)})
    check_ground_truth(content)
    rows = [{**row, "score": 0.5} for row in content["annotations"]]
    caps = [cap for cap in range(1, total + 1) if cap * 100 % total == 0]
    wanted = by_pycocotools(content, rows, caps)
    for cap in caps:
        assert ceiling([total], cap) == pytest.approx(wanted[f"ap50_{cap}"], abs=1e-12), cap


@pytest.mark.filterwarnings("error")
def test_no_warnings_no_output_and_inputs_left_alone(capfd):
    content, rows = random_case(12)
    before = json.dumps([content, rows])
    score({**content, "annotations": content["annotations"][:1]}, rows)
    score(content, [])
    score(content, rows)
    assert json.dumps([content, rows]) == before
    assert capfd.readouterr() == ("", "")


def test_images_without_nuclei_have_no_scores():
    content, rows = random_case(4)
    first = content["images"][0]["id"]
    content["annotations"] = [row for row in content["annotations"] if row["image_id"] != first]
    found = score(content, rows)
    assert found["per_image"][0] | {"predictions": 0} == {
        "image_id": first,
        "file_name": "1.png",
        "nuclei": 0,
        "predictions": 0,
        "ceiling_report": None,
        **dict.fromkeys(NAMES),
    }
    wanted = by_pycocotools(content, rows)
    assert {name: found[name] for name in NAMES} == pytest.approx(wanted, abs=1e-12)


GOOD = {"image_id": 1, "category_id": 1, "score": 0.5, "segmentation": encode(np.eye(SIDE))}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"image_id": 9}, "image_id is 9, wanted one of [1]"),
        ({"image_id": True}, "image_id is True"),
        ({"category_id": 2}, "category_id is 2, wanted 1"),
        ({"score": float("nan")}, "score is nan, wanted a finite number"),
        ({"score": 10**400}, "score is 1000"),
        ({"score": True}, "score is True"),
        ({"category_id": True}, "category_id is True, wanted 1"),
        ({"score": "0.5"}, "score is '0.5'"),
        ({"segmentation": [[1, 2, 3, 4, 5, 6]]}, "segmentation is no RLE"),
        ({"segmentation": {"size": [SIDE, 1], "counts": "0"}}, f"segmentation size [{SIDE}, 1] is not the image's"),
        ({"segmentation": {"size": [SIDE * 1.0, SIDE], "counts": "0"}}, "segmentation size [40.0, 40]"),
        ({"segmentation": {"size": [SIDE, SIDE], "counts": [0, 1600]}}, "segmentation counts are list, not a string"),
        ({"segmentation": {"size": [SIDE, SIDE], "counts": "1"}}, "segmentation counts cover 1 px, not 1600 px"),
        ({"segmentation": {"size": [SIDE, SIDE], "counts": "ooooo"}}, "segmentation counts are not RLE"),
        ({"segmentation": {"size": [SIDE, SIDE], "counts": "é"}}, "segmentation counts are not RLE"),
    ],
)
def test_bad_predictions_are_named(change, wanted):
    content, _ = random_case(0, images=1)
    with pytest.raises(InputError) as caught:
        check_predictions([GOOD, {**GOOD, **change}], content, "p.json")
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"p.json: row 1: {wanted}")


def test_all_bad_predictions_are_named_up_to_a_limit():
    content, _ = random_case(0, images=1)
    with pytest.raises(InputError) as caught:
        check_predictions([{**GOOD, "score": None}] * 25 + [GOOD], content, "p.json")
    assert [line.split(":")[1] for line in caught.value.problems[:20]] == [f" row {k}" for k in range(20)]
    assert caught.value.problems[20:] == ["p.json: 5 more problems like these"]


@pytest.mark.parametrize(
    ("part", "change", "wanted"),
    [
        ("images", {"id": "1"}, "image 1: id is '1', wanted a whole number"),
        ("images", {"height": 0}, "image 1: height is 0"),
        ("images", {"file_name": None}, "image 1: file_name is None, wanted text"),
        ("images", {"id": 1}, "image 1: id 1 found twice"),
        ("annotations", {"image_id": 9}, "annotation 1: image_id is 9, wanted one of [1, 2, 3]"),
        ("annotations", {"id": 1}, "annotation 1: id 1 found twice"),
        ("annotations", {"id": 0}, "annotation 1: id is 0, wanted a whole number above 0"),
        ("annotations", {"iscrowd": 1}, "annotation 1: category_id 1, iscrowd 1, wanted 1 and 0"),
        ("annotations", {"area": None}, "annotation 1: area None, bbox"),
        ("annotations", {"segmentation": [[1, 2, 3, 4]]}, "annotation 1: segmentation is no list of polygons"),
        ("annotations", {"segmentation": [[1, 2, 3, 4, 5, "6"]]}, "annotation 1: segmentation is no list of polygons"),
        ("annotations", {"segmentation": {"size": [SIDE, SIDE], "counts": "1"}}, "annotation 1: segmentation counts"),
        ("annotations", {"segmentation": None}, "annotation 1: segmentation is no RLE"),
        ("categories", {"id": 2}, "categories [2], wanted the category 1 alone"),
    ],
)
def test_a_bad_ground_truth_is_named(part, change, wanted):
    content, _ = random_case(1)
    check_ground_truth(content, "gt.json")
    at = 0 if part == "categories" else 1
    content[part][at] = {**content[part][at], **change}
    with pytest.raises(InputError) as caught:
        check_ground_truth(content, "gt.json")
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"gt.json: {wanted}")


def test_real_rle_is_no_problem():
    random = np.random.default_rng(4)
    for _ in range(200):
        height, width = random.integers(1, 60, 2)
        rle = encode(random.random((height, width)) < random.random())
        assert rle_problem(rle, int(height), int(width)) is None


def test_command(stage, tmp_path):
    content, rows = random_case(3)
    (tmp_path / "gt.json").write_text(json.dumps(content))
    (tmp_path / "p.json").write_text(json.dumps(rows))
    done = stage(
        "score",
        "--ground-truth",
        tmp_path / "gt.json",
        "--predictions",
        tmp_path / "p.json",
        "--out",
        tmp_path / "s.json",
    )
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")
    keys = {"map_report", "ceiling_report", *NAMES, "images", "nuclei", "predictions", "per_image", "scored"}
    assert json.loads((tmp_path / "s.json").read_text()).keys() == keys
    bad = stage(
        "score",
        "--ground-truth",
        tmp_path / "gt.json",
        "--predictions",
        tmp_path / "none",
        "--out",
        tmp_path / "t.json",
    )
    assert bad.returncode == 2
    assert bad.stderr.startswith("error: ")
