"""Matching, AP and AR of weighted images, the staircase: equal to pycocotools, to hotcoco and to copied images."""

import contextlib
import io
import json

import numpy as np
import pytest
from hotcoco import COCO as HotCOCO
from hotcoco import COCOeval as HotEval
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from support.score_cases import random_case

from nuclei.coco.grouping import by_image
from nuclei.scoring.average_precision import ceiling, evaluate
from nuclei.scoring.calibration import calibration
from nuclei.scoring.curves import curve_scores, wanted_counts
from nuclei.scoring.detections import ImageDetections
from nuclei.scoring.error_shares import error_shares, rescuers, wrong_kinds
from nuclei.scoring.scene import look
from nuclei.scoring.staircase import staircase


def scenes(content, rows):
    """The scene of each image of a case."""
    nuclei, found = by_image(content, content["annotations"]), by_image(content, rows)
    return [look(image, nuclei[image["id"]], found[image["id"]]) for image in content["images"]]


def ones(images):
    return np.ones((1, len(images)), int)


def coco_scores(content, rows, cap, truth_class=COCO, evaluation=COCOeval):
    """{ap, ap50, ap75, ar} by another evaluation of COCO's kind."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = truth_class()
        truth.dataset = json.loads(json.dumps(content))
        truth.createIndex()
        keys = ("image_id", "category_id", "score", "segmentation")
        found = truth.loadRes([{key: row[key] for key in keys} for row in json.loads(json.dumps(rows))])
        run = evaluation(truth, found, "segm")
        run.params.maxDets = [1, 2, cap]
        run.evaluate()
        run.accumulate()
    shape = (10, 101, 1, 4, 3)
    precision = np.asarray(run.eval["precision"]).reshape(shape)[:, :, 0, 0, 2]
    recall = np.asarray(run.eval["recall"]).reshape(10, 1, 4, 3)[:, 0, 0, 2]
    return {"ap": precision.mean(), "ap50": precision[0].mean(), "ap75": precision[5].mean(), "ar": recall.mean()}


CASES = [seed for seed in range(40) if all(random_case(seed)[0]["annotations"]) and random_case(seed)[1]]


@pytest.mark.parametrize("seed", CASES[:25])
@pytest.mark.parametrize("cap", [3, 100])
def test_equal_to_pycocotools_and_hotcoco(seed, cap):
    content, rows = random_case(seed)
    if not content["annotations"] or not rows:
        pytest.skip("a case without nuclei or predictions")
    images = [scene.detections for scene in scenes(content, rows)]
    found = {kind: value[0] for kind, value in curve_scores(images, cap, ones(images)).items()}
    assert found == pytest.approx(coco_scores(content, rows, cap), abs=1e-12)
    assert found == pytest.approx(coco_scores(content, rows, cap, HotCOCO, HotEval), abs=1e-12)


def random_images(random, count=3, most=12):
    """Images whose detections are right or wrong at random, with ties among the scores."""
    images = []
    for _ in range(count):
        nuclei = int(random.integers(0, most))
        detections = int(random.integers(0, most))
        scores = np.sort(random.integers(1, 8, detections) / 8)[::-1]
        right = np.zeros((10, detections), bool)
        for at in range(10):
            right[at, random.permutation(detections)[: random.integers(0, min(nuclei, detections) + 1)]] = True
        images.append(ImageDetections(nuclei, scores, right, np.full(detections, -1)))
    return images


def ap_by_definition(right, nuclei):
    """Mean of the interpolated precision at 101 recalls, by a loop over all of them; right: ranked list."""
    total = 0.0
    for threshold in np.linspace(0, 1, 101):
        reached = [
            sum(right[: k + 1]) / (k + 1) for k in range(len(right)) if sum(right[: k + 1]) / nuclei >= threshold
        ]
        total += max(reached, default=0.0)
    return total / 101


@pytest.mark.parametrize("block", range(4))
def test_a_weight_is_as_many_copies_of_the_image(block):
    random = np.random.default_rng(block)
    for _ in range(60):
        images = random_images(random)
        weights = random.integers(0, 3, (4, 3))
        for cap in (4, None):
            found = curve_scores(images, cap, weights)
            for at, row in enumerate(weights):
                copies = [image for image, times in zip(images, row, strict=True) for _ in range(times)]
                nuclei = sum(image.nuclei for image in copies)
                if not nuclei:
                    assert np.isnan(found["ap50"][at])
                    continue
                scores = np.concatenate([image.scores[:cap] for image in images])
                times = np.repeat(row, [len(image.scores[:cap]) for image in images])
                order = np.argsort(-scores, kind="stable")
                right = np.concatenate([image.right[0, :cap] for image in images])
                right = np.repeat(right[order], times[order]).tolist()
                assert found["ap50"][at] == pytest.approx(ap_by_definition(right, nuclei), abs=1e-12)
                recalls = [sum(image.right[t, :cap].sum() for image in copies) / nuclei for t in range(10)]
                assert found["ar"][at] == pytest.approx(np.mean(recalls), abs=1e-12)


@pytest.mark.parametrize("nuclei", [1, 7, 50, 99, 100, 101, 200, 2360, 14598])
def test_wanted_counts_by_trying_all(nuclei):
    counts = np.arange(nuclei + 1)
    wanted = [int(counts[counts / nuclei >= threshold][0]) for threshold in np.linspace(0, 1, 101)]
    assert wanted_counts(np.array([nuclei]))[0].tolist() == wanted


def test_the_steps_of_the_reports_metric():
    """FACTS of the metric: 543, 567 and 590 right ones for the recalls 0.23, 0.24 and 0.25 of 2,360 nuclei."""
    per_image = [394, 394, 393, 393, 393, 393]

    def stairs(right):
        images = []
        for at, nuclei in enumerate(per_image):
            own = np.zeros((10, 100), bool)
            own[:, : right // 6 + (at < right % 6)] = True
            images.append(ImageDetections(nuclei, np.linspace(1, 0.1, 100), own, np.full(100, -1)))
        return staircase(images)

    found = stairs(566)
    assert (found["counted"], found["right"], found["next_right"], found["missing"]) == (600, 566, 567, 1)
    assert found["highest"] == 24 / 101
    assert found["next_highest"] == 25 / 101
    assert found["ceiling"] == ceiling(per_image) == 26 / 101
    assert found["gain_of_step"] == pytest.approx(stairs(567)["score"] - found["score"], abs=0.01)
    last = stairs(590)
    assert (last["next_right"], last["missing"], last["next_highest"]) == (None, None, None)


@pytest.mark.parametrize("block", range(2))
def test_the_staircase_by_trying_every_change(block):
    random = np.random.default_rng(block)
    for _ in range(100):
        images = random_images(random, most=9)
        nuclei = sum(image.nuclei for image in images)
        found = staircase(images, cap=4)
        if not nuclei:
            assert found is None
            continue
        scores = np.concatenate([image.scores[:4] for image in images])
        order = np.argsort(-scores, kind="stable")
        right = np.concatenate([image.right[0, :4] for image in images])[order].tolist()
        assert found["score"] == pytest.approx(ap_by_definition(right, nuclei), abs=1e-12)
        perfect = sorted(right, reverse=True)
        assert found["highest"] == pytest.approx(ap_by_definition(perfect, nuclei), abs=1e-12)
        if False in right:
            better = right.copy()
            better[right.index(False)] = True
            gain = ap_by_definition(better, nuclei) - ap_by_definition(right, nuclei)
            assert found["gain_of_one"] == pytest.approx(gain, abs=1e-12)
        most = sum(min(image.nuclei, 4) for image in images)
        assert found["ceiling"] == pytest.approx(ap_by_definition([True] * most, nuclei), abs=1e-12)
        if found["next_right"]:
            assert found["next_highest"] > found["highest"] or not any(right)
            one_less = [True] * (found["next_right"] - 1)
            assert ap_by_definition(one_less, nuclei) < found["next_highest"]


@pytest.mark.parametrize("seed", CASES[:30])
def test_error_shares_and_calibration_equal_hotcocos(seed):
    content, rows = random_case(seed)
    if not content["annotations"] or not rows:
        pytest.skip("a case without nuclei or predictions")
    found = scenes(content, rows)
    images = [scene.detections for scene in found]
    named = [wrong_kinds(scene.detections, scene.iou) for scene in found]
    saved = [rescuers(scene.detections, target) for scene, (_, target) in zip(found, named, strict=True)]
    ours = error_shares(images, [kinds for kinds, _ in named], saved)
    truth = HotCOCO(json.loads(json.dumps(content)))
    run = HotEval(truth, truth.load_res(json.loads(json.dumps(rows))), "segm")
    run.evaluate()
    run.accumulate()
    wanted = run.tide_errors()
    names = {"placed": "Loc", "duplicate": "Dupe", "background": "Bkg", "missed": "Miss"}
    assert {kind: ours["counts"][kind] for kind in names} == {
        kind: wanted["counts"][name] for kind, name in names.items()
    }
    assert ours["ap50"] == pytest.approx(wanted["ap_base"], abs=1e-12)
    names |= {"false_positives": "FP", "false_negatives": "FN"}
    gains = {kind: wanted["delta_ap"][name] for kind, name in names.items()}
    assert ours["gains"] == pytest.approx(gains, abs=1e-12)
    reliability = run.calibration()
    own = calibration(images)
    assert own["ece"] == pytest.approx(reliability["ece"], abs=1e-12)
    assert [part["detections"] for part in own["bins"]] == [part["count"] for part in reliability["bins"]]


def test_the_average_precision_of_the_tables():
    content, rows = random_case(12, images=5, most=30)
    images = [scene.detections for scene in scenes(content, rows)]
    wanted = evaluate(content, rows)
    for cap in (100, 1000):
        found = curve_scores(images, cap, ones(images))
        assert {f"{kind}_{cap}": found[kind][0] for kind in ("ap", "ap50", "ap75")} == pytest.approx(
            {name: value for name, value in wanted.items() if name.endswith(f"_{cap}")}, abs=1e-12
        )
