"""The loop of docs/qupath.md on a small slide: annotate, train, look, correct, train on from the bundle.

Every step is a command of the page; what a person does in QuPath is files as QuPath writes them.
"""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
import shapely
import torch
import yaml
from conftest import checkout
from support.qupath import row, square, write
from support.slides import write_slide
from support.tiny import CONFIG, snakemake

from nuclei.export.outlines import geometry, outline

PLACES = [(20, 10), (170, 12), (150, 160)]  # left, top of the annotated regions, px
SIDE = 128
FORM = {"dataset": {"path": "regions"}, "format": "geojson", "test": {"fraction": 0.34}, "allow_overlap": True}
RUN = {
    "run": "mine",
    "models": ["mask_r50"],
    "settings": [1],
    "raw": {"draw": None, **FORM},
    "split": {"validation_fraction": 0.34},
    "scoring": {"instances": False},
    "training": {**CONFIG["training"], "detections": 60},
}
CELL = "cells/setting1/mask_r50/seed0"


def run(folder, *words):
    """Run a script or tool of the project; what it said."""
    done = subprocess.run([sys.executable, "-W", "ignore", *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def train(folder, **change):
    """Train the cell of a run; returns its folder."""
    config = RUN | change
    (folder / "mine.yaml").write_text(yaml.safe_dump(config))
    target = f"results/{config['run']}/{CELL}/checkpoint.pth"
    done = snakemake(folder, "--", target, config="mine.yaml")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return (folder / target).parent


def annotated(drawn, at):
    """The nuclei of a training image at its place in the slide, drawn by hand in QuPath."""
    rows = []
    for path in sorted((drawn / f"dataset/train/DEMO-0{at + 1}/masks").glob("*.png")):
        shape = geometry(outline(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 0, *PLACES[at]))
        polygons = shape["coordinates"]
        rows.append(row("annotation", "nucleus", *polygons, geometry=shape["type"]))
    return rows


@pytest.fixture(scope="module")
def project(tmp_path_factory, drawn):
    """The project beside a folder with a slide of three drawn images on glass, and what QuPath exported of it."""
    folder = checkout(tmp_path_factory.mktemp("project"))
    (folder / "slides").mkdir()
    picture = np.full((300, 420, 3), 240, np.uint8)
    rows = []
    for at, (left, top) in enumerate(PLACES):
        image = cv2.imread(str(drawn / f"dataset/train/DEMO-0{at + 1}/images/DEMO-0{at + 1}.png"))
        picture[top : top + SIDE, left : left + SIDE] = image[..., ::-1]
        rows += [row("annotation", "Region*", square(left, top, left + SIDE, top + SIDE)), *annotated(drawn, at)]
    rows.append(row("annotation", "Ignore*", square(300, 10, 330, 40)))
    write_slide(folder / "slides/slide.svs", picture, 0.5)
    write(folder / "slides/slide.geojson", *rows)
    return folder


@pytest.mark.commands
def test_annotate_train_look_correct_train_on(project, drawn):
    said = run(project, "tools/cut_regions.py", "--images", "slides", "--out", "regions")
    assert "1 of 1 images have a GeoJSON: 3 regions" in said
    first = train(project)
    imported = json.loads((project / "results/mine/data/imported.json").read_text())
    masks = [len(list((drawn / f"dataset/train/DEMO-0{n}/masks").glob("*.png"))) for n in (1, 2, 3)]
    found = {image["id"]: sum(image["categories"].values()) for image in imported["images"]}
    assert found == {f"slide_x{x}_y{y}": count for (x, y), count in zip(PLACES, masks, strict=True)}
    assert {image["pixel_size"] for image in imported["images"]} == {0.5}

    bundle = project / "first.zip"
    run(project, "tools/make_bundle.py", "--cell", str(first), "--out", str(bundle), "--pixel-size", "0.5")
    done = snakemake(
        project, "--config", "images=slides/slide.svs", "model=first.zip", "--", "predict_images", config="mine.yaml"
    )
    assert done.returncode == 0, done.stderr[-3000:]
    predicted = json.loads((project / "results/images/slide.geojson").read_text())["features"]
    assert len(predicted) > 5
    assert {row["properties"]["objectType"] for row in predicted} == {"detection"}

    # in QuPath: one region is corrected; a wrong nucleus is marked, the others there deleted, the missing ones drawn
    left, top = PLACES[0]
    wrong = row("detection", "Ignore*", square(left + 5, top + 5, left + 15, top + 15))
    kept = [one for one in predicted if not touches(one, left, top)]
    region, *others = [row("annotation", "Region*", square(x, y, x + SIDE, y + SIDE)) for x, y in PLACES]
    write(project / "slides/slide.geojson", region, wrong, *kept, *annotated(drawn, 0), *others)
    run(project, "tools/cut_regions.py", "--images", "slides", "--out", "corrected")
    counts = {
        path.stem: len(json.loads(path.read_text())["features"]) for path in (project / "corrected").glob("*.geojson")
    }
    assert counts[f"slide_x{left}_y{top}"] == masks[0]

    raw = RUN["raw"] | {"dataset": {"path": "corrected"}}
    training = {**RUN["training"], "weights": "first.zip", "lr": 1e-12}
    # the region that validates may hold none of the nuclei that an epoch's model finds
    second = train(project, run="mine2", raw=raw, training=training, selection={"policy": "last"})
    weights = [torch.load(cell / "checkpoint.pth", weights_only=True)["state_dict"] for cell in (first, second)]
    assert weights[0].keys() == weights[1].keys()
    learned = [name for name, value in weights[0].items() if value.is_floating_point()]
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-6) for name in learned)
    config = (second / "config.py").read_text()
    assert "load_from = 'work/mine2/bundle.pth'" in config


def touches(feature, left, top):
    """Whether a nucleus reaches into the first region."""
    area = shapely.box(left, top, left + SIDE, top + SIDE)
    return shapely.from_geojson(json.dumps(feature["geometry"])).intersects(area)
