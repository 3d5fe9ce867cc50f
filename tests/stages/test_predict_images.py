"""scripts/predict_images.py: images and a slide by a real, very small model, as a whole and after stops."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
import shapely
import tifffile
from conftest import ROOT
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from support.model_run import make_cell
from support.slides import write_slide

from nuclei.prediction.bundles import make_bundle

FORMS = ["geojson", "labels", "zarr", "coco", "table", "overlay"]


def command(model, images, out, *options):
    return [
        *(sys.executable, "-W", "ignore", "scripts/predict_images.py", "--model", str(model), "--device", "cpu"),
        *("--images", *map(str, images), "--out-dir", str(out), "--work", str(out / "work")),
        *("--out", str(out / "images.tsv"), *map(str, options)),
    ]


def rows_of(out):
    with (out / "images.tsv").open(encoding="utf-8") as file:
        return {row["image"]: row for row in csv.DictReader(file, delimiter="\t")}


@pytest.fixture(scope="module")
def bundle(undisturbed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    cell = make_cell(folder / "run", *undisturbed)
    make_bundle(cell, folder / "bundle.zip", 0.5, {})
    return folder / "bundle.zip"


@pytest.fixture(scope="module")
def images(drawn, tmp_path_factory):
    """A folder of the drawn test images, a slide of them with glass beside, and an image that cannot be read."""
    folder = tmp_path_factory.mktemp("images")
    tiles = []
    for path in sorted((drawn / "dataset/test").glob("*.png")):
        shutil.copy(path, folder)
        tiles.append(cv2.imread(str(path))[..., ::-1])
    glass = np.full((256, 256, 3), 240, np.uint8)
    write_slide(folder / "a slide.tif", np.hstack([np.vstack(tiles), glass[:, :140]]), 0.5)
    (folder / "bad.png").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def made(bundle, images, tmp_path_factory):
    """(folder of the results, what was said) of one start on everything, in all forms."""
    out = tmp_path_factory.mktemp("out")
    options = ["--forms", *FORMS, "--on-bad-image", "skip"]
    done = subprocess.run(command(bundle, [images], out, *options), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out, done.stderr


def test_every_image_has_every_form_and_a_bad_one_is_reported(made, images):
    out, said = made
    rows = rows_of(out)
    assert {name: row["result"] for name, row in rows.items()} == {
        "DEMO-04.png": "done",
        "DEMO-05.png": "done",
        "a slide.tif": "done",
        "bad.png": "skipped",
    }
    assert rows["bad.png"]["problem"].startswith(f"{images / 'bad.png'}: not a readable PNG")
    assert f"skipped: {images / 'bad.png'}: not a readable PNG" in said
    assert "predict_images a slide.tif" in said and " nuclei\n" in said
    for name in ("DEMO-04", "DEMO-05", "a slide"):
        count = int(rows[f"{name}.png" if "DEMO" in name else f"{name}.tif"]["nuclei"])
        assert count > 0
        features = json.loads((out / f"{name}.geojson").read_text())["features"]
        assert len(features) == count == len((out / f"{name}.csv").read_text().splitlines()) - 1
        assert all(shapely.is_valid(shapely.geometry.shape(feature["geometry"])) for feature in features)
        assert tifffile.imread(out / f"{name}.labels.ome.tif").max() <= count
        assert (out / f"{name}.ome.zarr/labels/nuclei/0").is_dir()
    assert rows["a slide.tif"]["pixel_size_um"] == "0.5"
    assert not list((out / "work").iterdir())


def test_images_of_the_size_of_the_training_give_what_predict_gives(made, undisturbed, tmp_path):
    config, trained = undisturbed
    words = ["--config", config, "--checkpoint", trained / "checkpoints/epoch_3.pth", "--device", "cpu"]
    words = [sys.executable, "scripts/predict.py", *map(str, words), "--out", str(tmp_path / "p.json")]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    wanted = json.loads((tmp_path / "p.json").read_text())
    names = {row["id"]: row["file_name"] for row in json.loads((config.parent / "test.json").read_text())["images"]}
    for image_id, name in names.items():
        rows = [row for row in wanted if row["image_id"] == image_id and coco_mask.area(row["segmentation"])]
        coco = COCO(made[0] / f"{name.removesuffix('.png')}.coco.json")
        found = sorted((coco.annToRLE(a)["counts"].decode(), a["score"]) for a in coco.loadAnns(coco.getAnnIds()))
        wanted_here = sorted((row["segmentation"]["counts"], row["score"]) for row in rows)
        assert [counts for counts, _ in found] == [counts for counts, _ in wanted_here] and found
        assert [score for _, score in found] == pytest.approx([score for _, score in wanted_here], abs=1e-5)


def test_a_second_start_does_nothing_and_a_changed_image_is_done_again(made, bundle, images, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(made[0], out)
    shutil.copytree(images, tmp_path / "images")
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.geojson")}
    options = ["--forms", "geojson", "table", "--on-bad-image", "skip"]
    again = command(bundle, [tmp_path / "images"], out, *options)
    done = subprocess.run(again, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "predict_images: 3 of 4 images are done" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.geojson")} == before
    shutil.copy(images / "DEMO-04.png", tmp_path / "images/DEMO-05.png")
    done = subprocess.run(again, cwd=ROOT, capture_output=True, text=True)
    assert "predict_images: 2 of 4 images are done" in done.stderr
    assert (
        (out / "DEMO-05.csv").read_text() == (out / "DEMO-04.csv").read_text() != (made[0] / "DEMO-05.csv").read_text()
    )


def test_a_killed_slide_goes_on_and_ends_with_the_same(made, bundle, images, tmp_path):
    words = command(bundle, [images / "a slide.tif"], tmp_path, "--forms", *FORMS)
    process = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(tmp_path.glob("work/*/row_*.json")):
        time.sleep(0.01)
    process.kill()
    process.communicate()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("work/*/row_*.json")}
    assert kept and not list(tmp_path.glob("*.geojson"))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for path in made[0].glob("a slide.*"):
        if path.is_file() and path.suffix != ".tif" and not path.name.endswith(".nuclei.json"):
            assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name
    labels = [tifffile.imread(folder / "a slide.labels.ome.tif") for folder in (tmp_path, made[0])]
    assert np.array_equal(*labels)


def test_bad_input_stops_before_any_work(bundle, images, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')")
    for words, said in (
        (command(bundle, [images], tmp_path / "a"), f"error: {images / 'bad.png'}: not a readable PNG"),
        (command(bundle, [images / "gone"], tmp_path / "b"), f"error: {images / 'gone'}: not found, wanted an image"),
        (command(bundle, [images], tmp_path / "c", "--window", 64), "error: --overlap 128 found, wanted less than"),
        (command(images / "bad.png", [images], tmp_path / "d"), "bad.png: no zip file, wanted a model bundle"),
    ):
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env=environment)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert not [path for path in tmp_path.glob("*/*") if path.is_file()]
