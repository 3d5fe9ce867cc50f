"""Named errors: what covers what, on scenes whose names are plain; touching, border; the rows of errors.csv."""

import csv
import io

import numpy as np
import pytest
from support.score_cases import SIDE, encode, random_case

from nuclei.coco.grouping import by_image
from nuclei.common.stage import InputError
from nuclei.scoring.error_file import as_csv, count_errors, read_errors, size_of
from nuclei.scoring.error_list import touching
from nuclei.scoring.error_rows import error_rows
from nuclei.scoring.scene import look

IMAGE = {"id": 1, "file_name": "a.png", "width": SIDE, "height": SIDE}


def box(left, top, right, bottom):
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top:bottom, left:right] = True
    return encode(mask)


def rows(nuclei, detections, threshold=0.0):
    """Error rows of boxes; nuclei have the ids 11, 12, …; detections are (score, box)."""
    truth = [{"id": 11 + at, "segmentation": box(*sides)} for at, sides in enumerate(nuclei)]
    found = [{"score": score, "segmentation": box(*sides)} for score, sides in detections]
    scene = look(IMAGE, truth, found)
    return error_rows(IMAGE, truth, range(100, 100 + len(found)), scene, threshold)


def kinds(found, what):
    """{nucleus id or detection number: kind}."""
    return {row[what]: row["kind"] for row in found if row["what"] == what}


def test_each_kind():
    nuclei = [(0, 0, 6, 6), (10, 0, 16, 6), (16, 0, 22, 6), (0, 10, 10, 16), (30, 30, 36, 36)]
    detections = [
        (0.9, (0, 0, 6, 6)),  # matched
        (0.8, (0, 0, 6, 5)),  # the same nucleus again
        (0.7, (10, 0, 22, 7)),  # two nuclei as one
        (0.6, (0, 10, 4, 16)),  # one nucleus in two parts
        (0.5, (6, 10, 10, 16)),
        (0.4, (30, 0, 36, 6)),  # nothing there
        (0.1, (30, 30, 36, 36)),  # below the threshold
    ]
    found = rows(nuclei, detections, threshold=0.3)
    assert kinds(found, "nucleus") == {11: "matched", 12: "merged", 13: "merged", 14: "split", 15: "missed"}
    assert kinds(found, "detection") == {
        100: "matched",
        101: "duplicated",
        102: "merging",
        103: "splitting",
        104: "splitting",
        105: "false",
    }
    by_id = {row["nucleus"]: row for row in found if row["what"] == "nucleus"}
    assert (by_id[11]["detection"], by_id[11]["iou"], by_id[11]["score"]) == (100, 1.0, 0.9)
    assert (by_id[12]["detection"], by_id[12]["iou"]) == (102, 36 / 84)
    assert (by_id[15]["detection"], by_id[15]["score"]) == (None, None)
    assert (by_id[12]["x"], by_id[12]["y"], by_id[12]["area"]) == (13, 3, 36)
    assert [by_id[at]["crowded"] for at in (11, 12, 13, 14)] == [False, True, True, False]
    assert [by_id[at]["border"] for at in (11, 14, 15)] == [True, True, False]


def test_a_merged_pair_of_which_one_is_matched():
    """The detection takes the large nucleus; the small one in it is merged, not missed."""
    found = rows([(0, 0, 10, 10), (10, 0, 12, 10)], [(0.9, (0, 0, 12, 10))])
    assert kinds(found, "nucleus") == {11: "matched", 12: "merged"}
    assert kinds(found, "detection") == {100: "matched"}


def test_one_detection_that_lies_half_beside_its_nucleus_is_no_merger_and_no_split():
    """Each covers more than half of the other, but the IoU is 60 / 140."""
    found = rows([(0, 0, 10, 10)], [(0.9, (4, 0, 14, 10))])
    assert kinds(found, "nucleus") == {11: "missed"}
    assert kinds(found, "detection") == {100: "false"}


@pytest.mark.parametrize(("width", "kind"), [(5, "split"), (4, "missed")])
def test_pieces_of_a_split_nucleus_share_half_of_it(width, kind):
    """Two pieces of 5 x `width` px in a nucleus of 10 x 10 px."""
    pieces = [(0.9, (0, 0, 5, width)), (0.8, (5, 10 - width, 10, 10))]
    found = rows([(0, 0, 10, 10)], pieces)
    assert kinds(found, "nucleus") == {11: kind}
    assert set(kinds(found, "detection").values()) == {"splitting" if kind == "split" else "false"}


def test_nothing_to_compare():
    assert rows([], []) == []
    assert kinds(rows([(0, 0, 3, 3)], []), "nucleus") == {11: "missed"}
    assert kinds(rows([], [(0.5, (0, 0, 3, 3))]), "detection") == {100: "false"}


@pytest.mark.parametrize("seed", range(30))
def test_every_nucleus_and_detection_has_one_row_and_the_matches_are_cocos(seed):
    content, predictions = random_case(seed)
    nuclei, found = by_image(content, content["annotations"]), by_image(content, predictions)
    for image in content["images"]:
        own, results = nuclei[image["id"]], found[image["id"]]
        scene = look(image, own, results)
        listed = error_rows(image, own, range(len(results)), scene, 0.3)
        kept = [row for row in results if row["score"] >= 0.3]
        right = int(scene.detections.right[0, scene.detections.scores >= 0.3].sum())
        for what, number in (("nucleus", len(own)), ("detection", len(kept))):
            assert len([row for row in listed if row["what"] == what]) == number
            matched = [row for row in listed if row["what"] == what and row["kind"] == "matched"]
            assert len(matched) == right
            assert all(row["iou"] >= 0.5 for row in matched)
        for row in listed:
            if row["detection"] is not None:
                assert row["score"] == results[row["detection"]]["score"]
        counts = count_errors(listed)
        for groups in (("small", "medium", "large"), ("border", "inside")):
            for what in counts:
                total = sum(sum(counts[what].get(group, {}).values()) for group in groups)
                assert total == sum(counts[what].get("all", {}).values())


def test_touching_by_looking_at_all_neighbours():
    random = np.random.default_rng(0)
    for _ in range(200):
        labels = random.integers(0, 6, (7, 8)) * (random.random((7, 8)) < 0.4)
        wanted = set()
        for (y, x), label in np.ndenumerate(labels):
            around = labels[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
            if label and ((around > 0) & (around != label)).any():
                wanted.add(int(label))
        assert {at + 1 for at in np.flatnonzero(touching(labels, 5))} == wanted


def test_more_nuclei_than_pycocotools_takes_at_once():
    """pycocotools 2.0.11 fails on the areas of more than 255 masks with numpy 2."""
    places = [(2 * at % SIDE, 2 * at // SIDE * 2) for at in range(300)]
    boxes = [(x, y, x + 1, y + 2) for x, y in places]
    found = rows(boxes, [(0.5, sides) for sides in boxes])
    assert [row["kind"] for row in found] == ["matched"] * 600
    assert {row["area"] for row in found} == {2}


def test_csv_and_sizes(tmp_path):
    found = rows([(0, 0, 3, 3), (20, 20, 24, 24)], [(0.5, (0, 0, 3, 3)), (0.25, (9, 9, 12, 12))])
    (tmp_path / "errors.csv").write_text(as_csv(found))
    assert read_errors(tmp_path / "errors.csv") == found
    (tmp_path / "errors.csv").write_text("image_id,area\n1,x\n")
    with pytest.raises(InputError, match="wanted what score_instances.py writes"):
        read_errors(tmp_path / "errors.csv")
    text = as_csv(rows([(0, 0, 3, 3)], [(0.5, (0, 0, 3, 3))]))
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["what"], first["nucleus"], first["detection"], first["crowded"]) == ("nucleus", "11", "100", "False")
    assert (second["what"], second["nucleus"], second["crowded"]) == ("detection", "11", "")
    assert [size_of(area) for area in (149, 150, 499, 500)] == ["small", "medium", "medium", "large"]
