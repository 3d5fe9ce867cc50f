"""Scores: equal to pycocotools over random cases; the ceiling by brute force; bad predictions by name."""

import json

import numpy as np
import pytest
from bench.scoring import by_pycocotools
from conftest import SHARED
from pycocotools import mask as coco_mask
from support.score_cases import SIDE, disk, encode, random_case
from support.submissions import needs_submissions

from nuclei.coco.checks import check_ground_truth
from nuclei.prediction.answers import read_answer
from nuclei.scoring.average_precision import ceiling, score
from nuclei.scoring.names import NAMES


@pytest.mark.parametrize("seed", range(40))
def test_equal_to_pycocotools(seed):
    content, rows = random_case(seed)
    if not content["annotations"] or not rows:
        pytest.skip("a case without nuclei or predictions, see below")
    found, wanted = score(content, rows), by_pycocotools(content, rows)
    for name in NAMES:
        assert found[name] == pytest.approx(wanted[name], abs=1e-12), name


IDS = [-(2**63), -(2**53), -7, -1, 0, 1, 2**31, 2**32, 2**53, 2**53 + 1, 2**53 + 2, 2**60, 2**63 - 1]
AREAS = [-1.0, 0, 1e-300, 1e10, 1e12, 1e299, -1e299, 12]


@pytest.mark.parametrize("seed", range(30))
def test_ids_and_areas_of_any_size_change_no_score(seed):
    content, rows = random_case(seed)
    if not content["annotations"] or not rows:
        pytest.skip("a case without nuclei or predictions, see below")
    wanted = by_pycocotools(content, rows)
    random = np.random.default_rng(seed)
    # ties of scores are broken in the order of the image ids, so the order stays
    ids = [IDS[k] for k in sorted(random.choice(len(IDS), 3, replace=False))]
    renamed = [{**image, "id": ids[image["id"] - 1]} for image in content["images"]]
    random.shuffle(renamed)
    numbers = random.permutation(2**53 + np.arange(len(content["annotations"]))).tolist()
    hostile = [
        {**row, "id": number, "image_id": ids[row["image_id"] - 1], "area": AREAS[random.integers(len(AREAS))]}
        for row, number in zip(content["annotations"], numbers, strict=True)
    ]
    found = score(
        {**content, "images": renamed, "annotations": hostile},
        [{**row, "image_id": ids[row["image_id"] - 1]} for row in rows],
    )
    assert {name: found[name] for name in NAMES} == pytest.approx(wanted, abs=1e-12)


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


@needs_submissions
def test_two_real_images_equal_pycocotools(real_truth):
    ids = (2, 4)
    content = {
        **real_truth,
        "images": [image for image in real_truth["images"] if image["id"] in ids],
        "annotations": [row for row in real_truth["annotations"] if row["image_id"] in ids],
    }
    rows = [row for row in read_answer(SHARED / "submissions/answer_244363.zip") if row["image_id"] in ids]
    found, wanted = score(content, rows), by_pycocotools(content, rows)
    assert 0 < found["ap_100"] < found["ap50_100"] < 1
    for name in NAMES:
        assert found[name] == pytest.approx(wanted[name], abs=1e-12), name
