"""Ensembles: predictions of several cells fused, against a plain fusion of whole masks; their table; their config."""

import csv
import json

import numpy as np
import pytest
import yaml
from conftest import ROOT
from pycocotools import mask as coco_mask
from test_tables import make_cell

from nuclei.coco.rle import encode
from nuclei.common.stage import InputError
from nuclei.prediction.ensembles import fuse_predictions
from nuclei.prediction.instances import as_results, from_results
from nuclei.scoring.average_precision import score
from nuclei.scoring.names import NAMES
from nuclei.workflow.configuration import check_config

SIDE = 64
IMAGES = [{"id": n, "file_name": f"{n}.png", "height": SIDE, "width": SIDE} for n in (1, 2)]


def square(score, x, y, side=10, image=1):
    mask = np.zeros((SIDE, SIDE), bool)
    mask[y : y + side, x : x + side] = True
    return dict(image_id=image, category_id=1, bbox=[x, y, side, side], score=score, segmentation=encode(mask))


def places(rows):
    """{(image, left, top): score} of results."""
    return {(row["image_id"], *(round(at, 3) for at in row["bbox"][:2])): round(row["score"], 6) for row in rows}


def test_results_come_back_as_they_went():
    rows = [square(0.9, 3, 4), square(0.4, 30, 8, side=3), square(0.6, 54, 54)]
    nuclei = from_results([rows[1], rows[0], rows[2]])
    assert [nucleus.score for nucleus in nuclei] == [0.9, 0.6, 0.4]
    assert as_results(nuclei, 1, SIDE, SIDE) == [rows[0], rows[2], rows[1]]


def test_what_says_nothing_is_left_out():
    assert from_results([square(0.0, 3, 4), square(0.5, 3, 4, side=0)]) == []


def test_members_that_agree_gain_over_one_alone():
    first = [square(0.8, 10, 10), square(0.7, 40, 40), square(0.5, 10, 10, image=2)]
    second = [square(0.4, 12, 10), square(0.6, 10, 40)]
    found = fuse_predictions([first, second], IMAGES)
    # IoU of the two near (10, 10): 80 / 120; the mean box leans to the surer: (0.8 x 10 + 0.4 x 12) / 1.2
    assert places(found) == {(1, 10.667, 10): 0.6, (1, 40, 40): 0.35, (1, 10, 40): 0.3, (2, 10, 10): 0.25}
    assert [row["image_id"] for row in found] == [1, 1, 1, 2]


def test_outlines_in_dispute_fall_by_soft_nms():
    # one member sees a large nucleus where the other sees a part of it: IoU 100 / 400
    first, second = [square(0.9, 10, 10, side=20)], [square(0.8, 20, 10), square(0.8, 40, 40)]
    assert places(fuse_predictions([first, second], IMAGES)) == {(1, 10, 10): 0.45, (1, 20, 10): 0.4, (1, 40, 40): 0.4}
    found = places(fuse_predictions([first, second], IMAGES, soft=True))
    # 0.45 (1 - 0.25 x 0.4), 0.4 (1 - 0.25 x 0.45)
    assert found == {(1, 10, 10): 0.405, (1, 20, 10): 0.355, (1, 40, 40): 0.4}


def plain_fusion(members):
    """Mean score and mean mask of groups of whole masks, each member's surest first; the groups' first masks rule."""
    groups = []
    for rows in members:
        taken = set()
        for row in sorted(rows, key=lambda row: -row["score"]):
            mask = coco_mask.decode(row["segmentation"]).astype(bool)
            ious = [
                (mask & group[0][1]).sum() / (mask | group[0][1]).sum() if n not in taken else -1
                for n, group in enumerate(groups)
            ]
            best = int(np.argmax(ious)) if ious else -1
            if ious and ious[best] >= 0.5:
                taken.add(best)
                groups[best].append((row["score"], mask))
            else:
                taken.add(len(groups))
                groups.append([(row["score"], mask)])
    fused = []
    for group in groups:
        total = sum(score for score, _ in group)
        mask = sum(score * mask for score, mask in group) >= total / 2
        fused.append((round(total / len(members), 9), mask.tobytes()))
    return sorted(fused)


@pytest.mark.parametrize("seed", range(5))
def test_fusion_equals_one_of_whole_masks(seed):
    random = np.random.default_rng(seed)

    def member():
        return [
            square(*random.uniform(0.1, 1, 1), *random.integers(0, 48, 2), random.integers(8, 14)) for _ in range(25)
        ]

    members = [json.loads(json.dumps(member(), default=int)) for _ in range(3)]
    found = [
        (round(row["score"], 9), coco_mask.decode(row["segmentation"]).astype(bool).tobytes())
        for row in fuse_predictions(members, IMAGES[:1])
    ]
    assert sorted(found) == plain_fusion(members)


def test_two_that_err_apart_score_higher_together(stage, tmp_path):
    nuclei = [(x, y) for x in (2, 18, 34, 50) for y in (2, 18, 34, 50)]
    truth = {"images": IMAGES[:1], "categories": [{"id": 1, "name": "nucleus"}], "annotations": []}
    for at, (x, y) in enumerate(nuclei):
        row = square(1, x, y)
        truth["annotations"].append({**row, "id": at + 1, "iscrowd": 0, "area": 100})
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    right = [square(0.8, x, y) for x, y in nuclei]
    first = right + [square(0.9, x + 6, y + 6) for x, y in nuclei[:5]]  # surer than what is right, each alone
    second = right + [square(0.9, x - 2, y + 7) for x, y in nuclei[5:10]]
    for name, rows in (("a", first), ("b", second)):
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
    command = ["fuse", "--predictions", tmp_path / "a.json", tmp_path / "b.json"]
    command += ["--test-images", tmp_path / "truth.json", "--out", tmp_path / "fused.json"]
    done = stage(*command, "--label", "two/setting1")
    assert done.returncode == 0, done.stderr
    assert "two/setting1 1/1 images in" in done.stderr
    fused = json.loads((tmp_path / "fused.json").read_text())
    assert stage(*command, "--soft-nms").returncode == 0
    softer = json.loads((tmp_path / "fused.json").read_text())
    assert sum(row["score"] for row in softer) < sum(row["score"] for row in fused)
    alone = [score(truth, rows)["ap50_100"] for rows in (first, second)]
    assert max(alone) < 0.8
    assert score(truth, fused)["ap50_100"] == 1


def test_bad_predictions_are_named(stage, tmp_path):
    (tmp_path / "truth.json").write_text(json.dumps({"images": IMAGES, "categories": [], "annotations": []}))
    (tmp_path / "a.json").write_text(json.dumps([square(0.5, 1, 1)]))
    (tmp_path / "b.json").write_text(json.dumps([square(0.5, 1, 1, image=3)]))
    done = stage(
        *("fuse", "--predictions", tmp_path / "a.json", tmp_path / "b.json", "--test-images", tmp_path / "truth.json"),
        *("--out", tmp_path / "fused.json"),
    )
    assert done.returncode == 2 and done.stderr.startswith(f"error: {tmp_path / 'b.json'}: ")
    assert "image_id" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "fused.json").exists()


def ensembles_table(stage, run, ensembles, *settings):
    return stage(
        *("ensembles_table", "--run-dir", run, "--settings", *settings, "--ensembles", json.dumps(ensembles)),
        *("--data-note", "drawn", "--out-dir", run / "tables"),
    )


def make_ensemble(run, setting, name, value, scored=True):
    make_cell(run, setting, f"of_{name}", 0, value, 1, scored)
    (run / "ensembles" / f"setting{setting}").mkdir(parents=True, exist_ok=True)
    (run / f"cells/setting{setting}/of_{name}/seed0").rename(run / f"ensembles/setting{setting}/{name}")


def test_table(stage, tmp_path):
    for setting in (1, 2):
        make_cell(tmp_path, setting, "mask_r50", 0, 0.1, 7 * setting)
        make_cell(tmp_path, setting, "pointrend_r50", 1, 0.2, 5)
        make_ensemble(tmp_path, setting, "two", 0.21 + setting / 10)
    members = ["mask_r50/seed0", "pointrend_r50/seed1"]
    done = ensembles_table(stage, tmp_path, {"two": members}, 1, 2)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "tables/ensembles.csv").open()))
    texts = [[row[key] for key in ("ensemble", "setting", "members", "epochs")] for row in rows]
    assert texts == [["two", "1", ", ".join(members), "7, 5"], ["two", "2", ", ".join(members), "14, 5"]]
    assert [float(row["mAP"]) for row in rows] == pytest.approx([0.31, 0.41])
    assert float(rows[1]["AP75 @1000"]) == pytest.approx(0.41 + NAMES.index("ap75_1000") / 100)
    text = (tmp_path / "tables/ensembles.md").read_text()
    assert "- drawn\n" in text and "- 6 test images, 2360 nuclei\n" in text and "| 0.4100 |" in text


def test_table_without_test_masks_and_without_a_member(stage, tmp_path):
    make_cell(tmp_path, 1, "mask_r50", 0, 0.1, 7, scored=False)
    make_ensemble(tmp_path, 1, "two", 0.2, scored=False)
    done = ensembles_table(stage, tmp_path, {"two": ["mask_r50/seed0", "mask_r50/seed0"]}, 1)
    assert done.returncode == 0, done.stderr
    assert next(csv.DictReader((tmp_path / "tables/ensembles.csv").open()))["mAP"] == "not scored"
    done = ensembles_table(stage, tmp_path, {"two": ["mask_r50/seed0", "mask_r50/seed1"]}, 1)
    wanted = tmp_path / "cells/setting1/mask_r50/seed1/checkpoint.json"
    assert done.returncode == 2 and done.stderr.startswith(f"error: {wanted}: ")


def test_a_table_holds_scores_on_the_same_images_alone(stage, tmp_path):
    make_cell(tmp_path, 1, "mask_r50", 0, 0.1, 7)
    for name in ("one", "other"):
        make_ensemble(tmp_path, 1, name, 0.2)
    scores = tmp_path / "ensembles/setting1/other/scores.json"
    scores.write_text(scores.read_text().replace("2360", "2361"))
    done = ensembles_table(stage, tmp_path, dict.fromkeys(["one", "other"], ["mask_r50/seed0"] * 2), 1)
    assert done.returncode == 2 and done.stderr.startswith(f"error: {scores}: ")
    assert not (tmp_path / "tables").exists()


def test_members_are_cells_of_the_run():
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    config["raw"] = config["raw"] | {"dataset": {"path": "tests", "sha256": None}}

    def check(ensembles, **change):
        check_config(config | {"ensembles": ensembles} | change, "config/models.yaml", "config/schema.yaml")

    check({"two": ["mask_r50/seed0", "cascade_r50/seed0"], "gone": None})
    check({"seeds": ["mask_r50/seed0", "mask_r50/seed3"]}, seeds=[0, 3])
    check({"wide": ["mask_r50/seed0", "mask_r101/seed0"]}, explored=True)
    for ensembles, wanted in (
        ({"two": ["mask_r50/seed0", "mask_r50/seed1"]}, "ensembles.two names mask_r50/seed1, which this run does not"),
        ({"two": ["mask_r50/seed0", "mask_r101/seed0"]}, "ensembles.two names mask_r101/seed0, which this run"),
        ({"two": ["mask_r50/seed0"]}, "ensembles.two"),
        ({"two": ["mask_r50/seed0", "mask_r50/seed0"]}, "ensembles.two"),
        ({"a/b": ["mask_r50/seed0", "cascade_r50/seed0"]}, "ensembles"),
    ):
        with pytest.raises(InputError) as caught:
            check(ensembles)
        assert len(caught.value.problems) == 1 and wanted in caught.value.problems[0]
