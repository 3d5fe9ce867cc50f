"""A whole run of two classes, from COCO JSON to tables, bundle and new images."""

import csv
import json
import subprocess
import sys
from collections import Counter

import cv2
import numpy as np
import pytest
import tifffile
import yaml
from bench.scoring import by_pycocotools
from conftest import checkout
from pycocotools.coco import COCO
from support.tiny import CONFIG, snakemake, verified
from support.two_classes import CLASSES, write_images

from nuclei.prediction.bundles import make_bundle
from nuclei.report.titles import column
from nuclei.scoring.names import NAMES

RUN = {
    "run": "two",
    "models": ["mask_r50"],
    "settings": [1],
    "raw": {
        "draw": None,
        "dataset": {"path": "drawn images"},
        "test_masks": {"path": None},
        "test": {"fraction": 0.34, "seed": 1},
        "classes": CLASSES,
    },
    "split": {"validation_fraction": 0.25},
    "scoring": {"instances": False},
    "training": {**CONFIG["training"], "repeat": 60, "warmup": 20, "detections": 60},
}
CELL = "results/two/cells/setting1/mask_r50/seed0"


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    return {}


@pytest.fixture(scope="module")
def run(tmp_path_factory, counts):
    """The project after the whole run; read only."""
    folder = checkout(tmp_path_factory.mktemp("project"))
    counts |= write_images(folder / "drawn images")
    (folder / "two.yaml").write_text(yaml.safe_dump(RUN, allow_unicode=True), encoding="utf-8")
    done = snakemake(folder, config="two.yaml")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return folder


@pytest.fixture(scope="module")
def new(run):
    """(content of bundle.json, folder of what the bundle found in a test image, name of that image)."""
    import zipfile

    bundle, name = run / "two.zip", tested(run)[0]
    make_bundle(run / CELL, bundle, None, {"code": "MIT"})
    options = ["--model", bundle, "--images", run / f"drawn images/{name}.png", "--out-dir", run / "new"]
    command = ["scripts/predict_images.py", *options, "--work", run / "new.work", "--device", "cpu"]
    command += ["--forms", "geojson", "labels", "coco", "table"]
    done = subprocess.run([sys.executable, *map(str, command)], cwd=run, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(bundle) as archive:
        return json.loads(archive.read("bundle.json")), run / "new", name


def tested(run):
    """Names of the test images, by their numbers."""
    return [row["file_name"].removesuffix(".png") for row in read(run / "results/two/data/coco/test.json")["images"]]


def test_the_annotations_have_the_classes_of_the_data(run, counts):
    training = read(run / "results/two/data/coco/exact/train.json")
    test = read(run / "results/two/data/coco/test.json")
    for content in (training, test):
        assert [(row["id"], row["name"]) for row in content["categories"]] == [(1, "long one"), (2, "ronde é")]
        names = {image["id"]: image["file_name"].split("/")[0].removesuffix(".png") for image in content["images"]}
        found = Counter((names[row["image_id"]], CLASSES[row["category_id"] - 1]) for row in content["annotations"])
        assert {key: found[key] for key in found} == {
            (image, kind): number for image in names.values() for kind, number in counts[image].items() if number
        }


def test_the_table_of_classes_is_what_pycocotools_finds(run):
    truth, rows = read(run / "results/two/data/coco/test.json"), read(run / CELL / "predictions.json")
    assert {row["category_id"] for row in rows} == {1, 2}
    found, means = table(run / "results/two/tables/classes.csv"), dict.fromkeys(NAMES, 0.0)
    assert [row["class"] for row in found] == CLASSES
    for number, row in enumerate(found, 1):
        nuclei = [one for one in truth["annotations"] if one["category_id"] == number]
        own = [one for one in rows if one["category_id"] == number]
        assert (int(row["nuclei"]), int(row["predictions"])) == (len(nuclei), len(own))
        alone = {**truth, "annotations": nuclei, "categories": [truth["categories"][number - 1]]}
        wanted = by_pycocotools(alone, own)
        assert {name: float(row[column(name)]) for name in NAMES} == pytest.approx(wanted, abs=1e-12)
        assert float(row["mAP"]) == pytest.approx(wanted["ap50_100"], abs=1e-12)
        means = {name: means[name] + wanted[name] / 2 for name in NAMES}
    assert means["ap50_100"] > 0.3  # discs and bars of two colours are easy to learn
    scores = read(run / CELL / "scores.json")
    assert {name: scores[name] for name in NAMES} == pytest.approx(means, abs=1e-12)
    assert {name: scores[name] for name in NAMES} == pytest.approx(by_pycocotools(truth, rows), abs=1e-12)
    (cell,) = table(run / "results/two/tables/cells.csv")
    assert float(cell["map_report"]) == pytest.approx(means["ap50_100"], abs=1e-12)


def test_the_answer_is_of_one_class_with_a_warning(run):
    rows, answer = read(run / CELL / "predictions.json"), read(run / CELL / "answer.json")
    assert {row["category_id"] for row in answer} == {1}
    found = Counter(row["image_id"] for row in rows)
    assert Counter(row["image_id"] for row in answer) == {image: min(100, n) for image, n in found.items()}
    said = "".join(path.read_text() for path in (run / "results/two/logs").rglob("*answer*"))
    assert "the classes long one, ronde é become one, the only one of the competition" in said


def test_the_page_and_the_summary_name_the_classes(run):
    assert all(name in (run / "results/two/report.html").read_text(encoding="utf-8") for name in CLASSES)
    assert "0 missing, 0 changed, 0 extra, 0 contradicting" in verified(run / "results/two")


def test_a_bundle_keeps_the_names(new):
    content, _, _ = new
    assert content["classes"] == CLASSES


def test_all_forms_give_each_nucleus_the_same_class(run, new):
    _, folder, name = new
    nuclei = table(folder / f"{name}.csv")
    features = read(folder / f"{name}.geojson")["features"]
    coco = read(folder / f"{name}.coco.json")
    names = {row["id"]: row["name"] for row in coco["categories"]}
    assert list(names.values()) == CLASSES
    by_form = [
        [row["class"] for row in nuclei],
        [row["properties"]["classification"]["name"] for row in features],
        [names[row["category_id"]] for row in coco["annotations"]],
    ]
    assert by_form[0] == by_form[1] == by_form[2]
    assert set(by_form[0]) == set(CLASSES)
    labels = tifffile.imread(folder / f"{name}.labels.ome.tif")
    numbers = [int(row["number"]) for row in nuclei]
    assert set(np.unique(labels)) - {0} <= set(numbers)
    truth = read(run / "results/two/data/coco/test.json")["images"]
    (number,) = [row["id"] for row in truth if row["file_name"] == f"{name}.png"]
    own = [row for row in read(run / CELL / "predictions.json") if row["image_id"] == number]
    surest = max(own, key=lambda row: row["score"])
    scores = [float(row["score"]) for row in nuclei]
    assert max(scores) == pytest.approx(surest["score"], abs=1e-3)
    assert by_form[0][int(np.argmax(scores))] == CLASSES[surest["category_id"] - 1]


def test_what_is_surely_found_has_the_class_of_its_colour(run, new):
    _, folder, name = new
    image = cv2.imread(str(run / f"drawn images/{name}.png"))
    coco = COCO(folder / f"{name}.coco.json")
    sure = [row for row in coco.anns.values() if row["score"] > 0.6]
    means = [image[coco.annToMask(row) > 0].mean(axis=0) for row in sure]
    drawn = ["ronde é" if blue > green else "long one" for blue, green, _ in means]
    assert [coco.cats[row["category_id"]]["name"] for row in sure] == drawn
    assert set(drawn) == set(CLASSES)
