"""Comparisons of groups: against loops over copied images, exchanged images, left-out images; seeds; verdicts."""

import itertools
import json

import numpy as np
import pytest
from support.score_cases import random_case

from nuclei.common.stage import InputError
from nuclei.scoring.average_precision import ceiling, evaluate
from nuclei.scoring.compared_files import read_groups
from nuclei.scoring.comparison_types import UNSURE
from nuclei.scoring.comparisons import FORMS, compare, make_draws, not_compared
from nuclei.scoring.detections import ImageDetections
from nuclei.scoring.image_statistics import NAMES, ImageStatistics, from_row, of_each, pooled
from nuclei.scoring.instance_scores import measure
from nuclei.scoring.intervals import resamples

EVERY = {"value": None, "chosen_on": "nothing", "pq": None}


def predictions_of(content, rows, seed):
    """Other predictions on the same images: some left out, scores shuffled and without ties."""
    random = np.random.default_rng(seed)
    scores = random.permutation(np.linspace(0.05, 0.95, len(rows)))
    kept = random.random(len(rows)) < 0.8
    return [{**row, "score": float(score)} for row, score, keep in zip(rows, scores, kept, strict=True) if keep]


@pytest.fixture(scope="module")
def case():
    """(ground truth, {name: predictions}, {name: statistics}) of four images."""
    content, rows = random_case(5, images=4, most=14)
    found = {name: predictions_of(content, rows, seed) for seed, name in enumerate(("a", "b", "c", "d"))}
    return content, found, {name: measure(content, rows, EVERY, {}).statistics for name, rows in found.items()}


@pytest.fixture(scope="module")
def compared(case):
    return compare({name: [case[2][name]] for name in ("a", "b", "c")})


def chosen(content, rows, draw):
    """The ground truth and the predictions of a draw of images: copies get ids of their own."""
    new = {"images": [], "annotations": [], "categories": content["categories"]}
    found = []
    for number, image_id in enumerate(draw, 1):
        new["images"].append({**content["images"][image_id - 1], "id": number})
        for row in content["annotations"]:
            if row["image_id"] == image_id:
                new["annotations"].append({**row, "image_id": number, "id": len(new["annotations"]) + 1})
        found += [{**row, "image_id": number} for row in rows if row["image_id"] == image_id]
    return new, found


def test_intervals_of_the_reports_metric_by_copying_images(case, compared):
    """All 4^4 draws of images, each scored as a data set of its own by faster-coco-eval."""
    content, found, _ = case
    values = {"a": [], "b": []}
    shares = []
    for draw in itertools.product(range(1, 5), repeat=4):
        if list(draw) != sorted(draw):
            continue
        ways = len(set(itertools.permutations(draw)))
        for name in values:
            truth, rows = chosen(content, found[name], draw)
            score = evaluate(truth, rows, [100])["ap50_100"]
            values[name] += [score] * ways
        shares += [score / ceiling([sum(r["image_id"] == n for r in truth["annotations"]) for n in range(1, 5)])] * ways
    differences = np.array(values["a"]) - values["b"]
    wanted = np.quantile(differences, [0.025, 0.975], method="inverted_cdf")
    one = next(pair for pair in compared["pairs"] if (pair["first"], pair["second"]) == ("a", "b"))["scores"]["pooled"]
    assert (one["ap50_100"]["low"], one["ap50_100"]["high"]) == pytest.approx(tuple(wanted), abs=1e-12)
    own = compared["groups"]["b"]["pooled"]["share"]
    assert (own["low"], own["high"]) == pytest.approx(
        tuple(np.quantile(shares, [0.025, 0.975], method="inverted_cdf")), abs=1e-12
    )


def test_p_values_by_exchanging_images(case, compared):
    """All 16 exchanges of the two models' predictions, image by image."""
    content, found, _ = case
    differences = []
    for exchange in itertools.product((False, True), repeat=4):
        mixed = [[], []]
        for at, image in enumerate(content["images"]):
            for side, name in enumerate("ab"):
                mixed[side ^ exchange[at]] += [row for row in found[name] if row["image_id"] == image["id"]]
        one, other = (measure(content, rows, EVERY, {}).scores["scores"] for rows in mixed)
        differences.append(
            [one[name]["pooled"] - other[name]["pooled"] for name in ("ap50_100", "pq", "aji", "recall")]
        )
    wanted = (np.abs(differences) >= np.abs(differences[0]) - 1e-12).mean(axis=0)
    scores = next(p for p in compared["pairs"] if (p["first"], p["second"]) == ("a", "b"))["scores"]["pooled"]
    assert [scores[name]["p"] for name in ("ap50_100", "pq", "aji", "recall")] == pytest.approx(list(wanted))


def test_leaving_one_image_out(case, compared):
    content, found, _ = case
    differences = []
    for left_out in range(1, 5):
        draw = [number for number in range(1, 5) if number != left_out]
        one, other = (
            measure(*chosen(content, found[name], draw), EVERY, {}).scores["scores"]["pq"]["pooled"] for name in "bc"
        )
        differences.append(one - other)
    pair = next(p for p in compared["pairs"] if (p["first"], p["second"]) == ("b", "c"))["scores"]["pooled"]["pq"]
    assert (pair["least"], pair["most"]) == pytest.approx((min(differences), max(differences)), abs=1e-12)


def test_verdicts_follow_from_the_intervals_and_p_values_are_corrected_together(compared):
    for form in FORMS:
        for name in NAMES:
            found = [pair["scores"][form][name] for pair in compared["pairs"]]
            for pair, one in zip(compared["pairs"], found, strict=True):
                sure = one["low"] is not None and not one["low"] <= 0 <= one["high"]
                wanted = pair["first" if (one["low"] or 0) > 0 else "second"] if sure else UNSURE
                assert one["verdict"] == wanted
                assert one["p_holm"] >= one["p"]
            assert min(one["p_holm"] for one in found) == pytest.approx(min(1, 3 * min(one["p"] for one in found)))
    assert compared["exact"]
    assert compared["resamples"] == 35


def test_a_group_is_no_better_than_itself(case):
    same = compare({"a": [case[2]["a"]], "again": [case[2]["a"]]})
    for form in FORMS:
        for one in same["pairs"][0]["scores"][form].values():
            assert (one["difference"], one["low"], one["high"], one["p"]) in {(0, 0, 0, 1), (None, None, None, None)}
            assert one["verdict"] == UNSURE


def test_a_group_that_is_better_in_every_image():
    content, rows = random_case(5, images=6, most=14)
    perfect = [{**row, "score": 0.5} for row in content["annotations"]]
    groups = {"good": perfect, "bad": [row for at, row in enumerate(perfect) if at % 3]}
    found = compare({name: [measure(content, own, EVERY, {}).statistics] for name, own in groups.items()})
    scores = found["pairs"][0]["scores"]["pooled"]
    assert scores["pq"]["verdict"] == scores["recall"]["verdict"] == "good"
    assert scores["recall"]["nuclei_low"] > 0
    assert scores["pq"]["p"] == 2 / 64


def test_one_image_ranks_nothing():
    content, _ = random_case(5, images=1, most=14)
    perfect = [{**row, "score": 0.5} for row in content["annotations"]]
    groups = {"good": perfect, "bad": perfect[1:]}
    found = compare({name: [measure(content, own, EVERY, {}).statistics] for name, own in groups.items()})
    one = found["pairs"][0]["scores"]["pooled"]["pq"]
    assert one["difference"] > 0
    assert (one["low"], one["high"], one["verdict"]) == (None, None, UNSURE)
    assert found["groups"]["good"]["pooled"]["pq"] == {"value": 1.0, "low": None, "high": None}


def test_nuclei_resampled_too_make_the_interval_wider(compared):
    one = compared["pairs"][0]["scores"]["pooled"]["recall"]
    assert one["nuclei_low"] < one["low"]
    assert one["nuclei_high"] > one["high"]
    assert compared["pairs"][0]["scores"]["pooled"]["pq"]["nuclei_low"] is None


def test_seeds_are_a_level_of_their_own(case):
    cells = case[2]
    found = compare({"one": [cells["a"], cells["b"]], "two": [cells["c"], cells["d"]]})
    assert found["seeds"] == 2
    assert not found["exact"]
    ones = np.ones((1, 4), int)
    score = {name: pooled(cell, ones)["pq"][0] for name, cell in cells.items()}
    pair = found["pairs"][0]["scores"]["pooled"]["pq"]
    assert pair["difference"] == pytest.approx((score["a"] + score["b"] - score["c"] - score["d"]) / 2)
    single = compare({"one": [cells["a"]], "two": [cells["a"]]})["groups"]["one"]["pooled"]["pq"]
    several = found["groups"]["one"]["pooled"]["pq"]
    assert several["low"] <= several["value"] <= several["high"]
    assert single["low"] <= single["value"] <= single["high"]
    assert compare({"one": [cells["a"], cells["b"]], "two": [cells["c"], cells["d"]]}) == found


def test_drawn_seeds_reach_from_the_worst_to_the_best(case):
    """A quarter of the draws of two seeds has the one that finds nothing alone."""
    content, found, cells = case
    nothing = measure(content, [], EVERY, {}).statistics
    one = compare({"one": [cells["a"], nothing], "two": [cells["c"], cells["d"]]})["groups"]["one"]["pooled"]["pq"]
    alone = compare({"one": [cells["a"]], "two": [cells["c"]]})["groups"]["one"]["pooled"]["pq"]
    assert one["low"] == 0 < alone["low"]
    assert alone["high"] * 0.75 < one["high"] <= alone["high"]


def test_each_draw_has_as_many_seeds_as_there_are_and_images_as_often_as_they_come():
    """Of two seeds a quarter of the draws has the first one alone, a quarter the second one, and a half both."""
    draws = make_draws(3, 2, 0)
    own = draws.drawn.ways / draws.drawn.ways.sum()
    assert np.bincount(draws.order) / len(draws.order) == pytest.approx(own, abs=0.02)
    scores = np.array([[0.0], [1.0]]) + 10 * np.arange(len(own))
    found = draws.values(scores, 0) - 10 * draws.order
    assert [(found == mean).mean() for mean in (0, 0.5, 1)] == pytest.approx([0.25, 0.5, 0.25], abs=0.02)


def test_seeds_of_two_models_are_drawn_apart(case):
    """The interval of a difference by all resamples of the images and all choices of both models' seeds."""
    content, _, cells = case
    nothing = measure(content, [], EVERY, {}).statistics
    groups = {"one": [cells["a"], nothing], "two": [cells["c"], nothing]}
    drawn = resamples(4)
    one, two = ([pooled(cell, drawn.weights)["pq"] for cell in group] for group in groups.values())
    choices = list(itertools.product((0, 1), repeat=2))
    every = [(np.mean([one[i], one[j]], 0) - np.mean([two[k], two[m]], 0)) for i, j in choices for k, m in choices]
    wanted = np.repeat(np.concatenate(every), np.tile(drawn.ways, len(every)))
    found = compare(groups)["pairs"][0]["scores"]["pooled"]["pq"]
    for end, share in ((found["low"], 0.025), (found["high"], 0.975)):
        near = np.quantile(wanted, [share - 0.006, share + 0.006], method="inverted_cdf")
        assert near[0] - 1e-12 <= end <= near[1] + 1e-12


@pytest.mark.parametrize("seed", range(10))
def test_the_ceiling_moves_with_the_resample(case, seed):
    random, sums = np.random.default_rng(seed), case[2]["a"][0].sums
    nuclei = random.integers(0, 260, 4)
    images = [
        ImageStatistics(at, f"{at}.png", "", ImageDetections(int(n), *few_right(random)), sums, *[np.zeros(int(n))] * 3)
        for at, n in enumerate(nuclei)
    ]
    for weights in random.integers(0, 3, (5, 4)):
        copies = np.repeat(nuclei, weights).tolist()
        if sum(copies):
            scores = pooled(images, weights[None])
            assert scores["share"][0] == pytest.approx(scores["ap50_100"][0] / ceiling(copies))


def few_right(random):
    """Scores, right ones and taken nuclei of twelve detections."""
    right = random.random(12) < 0.7
    return np.linspace(1, 0, 12), np.array([right] * 10), np.where(right, np.arange(12), -1)


def test_statistics_come_back_from_their_file(case, tmp_path):
    for name, cell in case[2].items():
        (tmp_path / name).write_text(json.dumps([image.row() for image in cell]))
    paths = [str(tmp_path / name) for name in "abcd"]
    groups = read_groups([1, 2], ["m"], [0, 1], paths)
    assert list(groups) == ["setting1/m", "setting2/m"]
    again = groups["setting2/m"][0]
    assert [image.row() for image in again] == [image.row() for image in case[2]["c"]]
    np.testing.assert_equal(of_each(again), of_each(case[2]["c"]))
    with pytest.raises(InputError, match="--statistics: 4 files found, wanted 6"):
        read_groups([1, 2], ["m"], [0, 1, 2], paths)
    (tmp_path / "b").write_text(json.dumps([image.row() for image in case[2]["b"]][1:]))
    with pytest.raises(InputError, match="score both against the same test masks"):
        read_groups([1, 2], ["m"], [0, 1], paths)
    (tmp_path / "b").write_text('[{"image_id": 1}]')
    with pytest.raises(InputError, match="wanted what score_instances.py writes"):
        read_groups([1, 2], ["m"], [0, 1], paths)


def test_nothing_is_compared_without_masks(tmp_path):
    (tmp_path / "s").write_text("[]")
    assert read_groups([1], ["m"], [0], [str(tmp_path / "s")]) == {}
    assert not_compared()["scored"] is False


def test_a_damaged_row_is_told():
    with pytest.raises(KeyError):
        from_row({})
