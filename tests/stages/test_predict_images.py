"""scripts/predict_images.py: images and a slide by a real, very small model, as a whole and after stops."""

import csv
import json
import os
import re
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
from support.model_run import THRESHOLD, make_cell
from support.slides import write_slide

from nuclei.common.files import sha256
from nuclei.export.forms import files_of
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
def bundle(undisturbed, drawn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    cell = make_cell(folder / "run", *undisturbed)
    train = folder / "run/data/annotations/setting1/train.json"
    content = json.loads(train.read_text())
    content["images"][1]["sha256"] = sha256(drawn / "dataset/test/DEMO-05.png")  # as if it were a training image
    train.write_text(json.dumps(content))
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
    (folder / "other.czi").write_bytes(b"x")
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
    *lines, last = [line for line in said.splitlines() if line.startswith("predict_images ")]
    of_images = [line.split(", ")[-1] for line in lines if line.endswith(" nuclei")]
    assert of_images == [
        f"{name} ({number}/3): {rows[name]['nuclei']} nuclei"
        for number, name in enumerate(("DEMO-04.png", "DEMO-05.png", "a slide.tif"), 1)
    ]
    assert all(re.search(r"ETA \d:\d\d:\d\d", line) for line in lines)
    looks, total = re.match(r"predict_images (\d+)/(\d+) looks in .*, 3 images done$", last).groups()
    assert looks == total
    other, line = [line for line in said.splitlines() if line.startswith("warning: ")]
    assert other == f"warning: {images / 'other.czi'}: left out, since .czi is not read; export it as TIFF"
    wanted = f"warning: {images / 'DEMO-05.png'}: the model was trained or validated on it (DEMO-02/images/DEMO-02.png)"
    assert line.startswith(wanted)
    states = [json.loads((out / f"DEMO-0{n}.nuclei.json").read_text())["state"] for n in (4, 5)]
    assert [state["trained_on"] for state in states] == [None, "DEMO-02/images/DEMO-02.png"]
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


def compare_with_predict(found, undisturbed, tmp_path, *options):
    """Assert that the nuclei in the COCO files of a folder are those that predict.py finds in the test images."""
    config, trained = undisturbed
    words = ["--config", config, "--checkpoint", trained / "checkpoints/epoch_3.pth", "--device", "cpu", *options]
    words = [sys.executable, "scripts/predict.py", *map(str, words), "--out", str(tmp_path / "p.json")]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    wanted = json.loads((tmp_path / "p.json").read_text())
    names = {row["id"]: row["file_name"] for row in json.loads((config.parent / "test.json").read_text())["images"]}
    for image_id, name in names.items():
        rows = [row for row in wanted if row["image_id"] == image_id and row["score"] >= THRESHOLD]
        rows = [row for row in rows if coco_mask.area(row["segmentation"])]
        coco = COCO(found / f"{name.removesuffix('.png')}.coco.json")
        own = sorted((coco.annToRLE(a)["counts"].decode(), a["score"]) for a in coco.loadAnns(coco.getAnnIds()))
        expected = sorted((row["segmentation"]["counts"], row["score"]) for row in rows)
        assert [code for code, _ in own] == [code for code, _ in expected] != []
        assert [score for _, score in own] == pytest.approx([score for _, score in expected], abs=1e-5)


def test_images_of_the_size_of_the_training_give_what_predict_gives(made, undisturbed, tmp_path):
    compare_with_predict(made[0], undisturbed, tmp_path)


def test_the_windows_of_the_run_give_what_predict_gives(images, undisturbed, tmp_path):
    cell = make_cell(tmp_path / "run", *undisturbed)
    looks = {"window": 96, "overlap": 40}
    (tmp_path / "run/manifest.json").write_text(json.dumps({"config": {"inference": looks}}))
    new = [images / f"DEMO-0{number}.png" for number in (4, 5)]
    done = subprocess.run(
        command(cell, new, tmp_path / "out", "--forms", "coco"), cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "8/8 looks" in done.stderr
    compare_with_predict(tmp_path / "out", undisturbed, tmp_path, "--window", 96, "--overlap", 40)


def test_a_grey_slide_is_looked_at_whole_and_one_without_tissue_is_a_warning(bundle, images, tmp_path):
    grey = cv2.imread(str(images / "DEMO-04.png"), cv2.IMREAD_GRAYSCALE)
    tifffile.imwrite(tmp_path / "grey.tif", grey, tile=(128, 128))
    words = ["--forms", "table", "--tissue", 255, "--score-threshold", 0]
    words = command(bundle, [tmp_path / "grey.tif", images / "a slide.tif"], tmp_path, *words)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path)
    assert int(rows["grey.tif"]["nuclei"]) > 0 == int(rows["a slide.tif"]["nuclei"])
    assert rows["grey.tif"]["problem"] == ""
    problem = f"{images / 'a slide.tif'}: none of its 12 windows holds tissue"
    assert f"warning: {problem}" in done.stderr
    assert rows["a slide.tif"]["problem"].startswith(problem)
    assert json.loads((tmp_path / "a slide.nuclei.json").read_text())["problem"] == rows["a slide.tif"]["problem"]


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
    assert f"a slide.tif (1/1): {len(kept)} of " in done.stderr
    for path in files_of(made[0], images / "a slide.tif", FORMS):
        assert content_of(tmp_path / path.name) == content_of(path), path.name


def content_of(path):
    """{name: bytes} of a file, or of all files of a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    assert files
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def test_bad_input_stops_before_any_work(bundle, images, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')")
    for words, said in (
        (command(bundle, [images], tmp_path / "a"), f"error: {images / 'bad.png'}: not a readable PNG"),
        (command(bundle, [images / "gone"], tmp_path / "b"), f"error: {images / 'gone'}: not found, wanted an image"),
        (command(bundle, [images], tmp_path / "c", "--window", 64), "error: --overlap 128 found, wanted less than"),
        (
            command(bundle, [images], tmp_path / "e", "--scales", 1, "nan"),
            "error: --scales nan found, wanted 0.01 to 8",
        ),
        (command(bundle, [images], tmp_path / "f", "--window", 0), "error: --window 0 found, wanted 64 or more"),
        (command(images / "bad.png", [images], tmp_path / "d"), "bad.png: no zip file, wanted a model bundle"),
    ):
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env=environment)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert not [path for path in tmp_path.glob("*/*") if path.is_file()]
    done = subprocess.run(
        command(bundle, [images / "DEMO-04.png"], tmp_path / "torch.py"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path}/torch.py: File exists; check the path and run again\n"
