"""Layers of the viewer: what errors.csv says, or which of the surest detections match."""

import csv

import pytest
from support.score_cases import random_case

from nuclei.coco.matching import match
from nuclei.common.stage import InputError
from nuclei.report.layers import cell_layers
from nuclei.scoring.error_file import as_csv
from nuclei.scoring.instance_scores import measure

ALL = {"value": None, "chosen_on": "", "pq": None}


@pytest.mark.parametrize("seed", range(5))
def test_a_layer_says_what_errors_csv_says(seed, tmp_path):
    truth, rows = random_case(seed)
    (tmp_path / "errors.csv").write_text(as_csv(measure(truth, rows, ALL, {}).errors))
    layers = cell_layers(truth, rows, tmp_path / "errors.csv")
    with (tmp_path / "errors.csv").open(newline="") as file:
        wanted = list(csv.DictReader(file))
    found = []
    for image in truth["images"]:
        layer = layers[image["id"]]
        nuclei = [row["id"] for row in truth["annotations"] if row["image_id"] == image["id"]]
        columns = (layer["true_kind"], layer["true_detection"], layer["true_iou"])
        for kind, nucleus, detection, iou in zip(columns[0], nuclei, *columns[1:], strict=True):
            found.append(("nucleus", kind, nucleus, detection, iou))
        for kind, nucleus, detection, iou in zip(
            layer["kind"], layer["nucleus"], layer["detection"], layer["iou"], strict=True
        ):
            found.append(("detection", kind, nucleus, detection, iou))
    keys = ("nucleus", "detection")
    assert found == [
        (row["what"], row["kind"], *(int(row[key]) if row[key] else None for key in keys), round(float(row["iou"]), 3))
        for row in wanted
    ]


@pytest.mark.parametrize("seed", range(5))
def test_without_errors_csv_detections_match_as_in_the_reports_metric(seed):
    truth, rows = random_case(seed)
    for number, layer in cell_layers(truth, rows, None).items():
        nuclei = [row["segmentation"] for row in truth["annotations"] if row["image_id"] == number]
        right, taken = match(nuclei, [rows[at]["segmentation"] for at in layer["detection"]])
        assert [kind == "matched" for kind in layer["kind"]] == right.tolist()
        assert [kind == "matched" for kind in layer["true_kind"]] == taken.tolist()
        assert layer["score"] == sorted(layer["score"], reverse=True)


def test_without_masks_no_detection_is_called_right_or_wrong(tmp_path):
    truth, rows = random_case(1)
    (tmp_path / "errors.csv").write_text(as_csv([]))  # what score_instances.py writes then
    layers = cell_layers({**truth, "annotations": []}, rows, tmp_path / "errors.csv")
    assert {kind for layer in layers.values() for kind in layer["kind"]} == {""}
    assert sum(len(layer["detection"]) for layer in layers.values()) == len(rows)


def test_another_table_is_no_list_of_errors(tmp_path):
    (tmp_path / "errors.csv").write_text("image_id,kind\n1,matched\n")
    truth, rows = random_case(1)
    with pytest.raises(InputError, match=r"errors.csv: cannot be read .*wanted what score_instances.py writes"):
        cell_layers(truth, rows, tmp_path / "errors.csv")
