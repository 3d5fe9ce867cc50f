"""Every model in both settings at full architecture and image size on the real data: it trains, saves and predicts.

make test-full; writes docs/full_size.csv and docs/full_size.md.
"""

import json
import os
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml
from conftest import ROOT, SHARED, needs_real_data

from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout
from nuclei.data.raw_sources import fetch
from nuclei.workflow.protocols import fill_training, read_protocol

pytestmark = [needs_real_data, pytest.mark.full]
MODELS = yaml.safe_load((ROOT / "config/models.yaml").read_text())["models"]
CELLS = [(model, setting) for model in MODELS for setting in (1, 2)]
ROWS = []


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Folder with the data set and annotations: the fullest image (setting 2: of those that only it trains on)."""
    folder = tmp_path_factory.mktemp("full")
    fetch(str(SHARED / "vrdl-raw.tar.xz"), "dataset", folder / "dataset")
    images, _, _ = read_layout(folder / "dataset")
    split = yaml.safe_load((ROOT / "config/splits/report.yaml").read_text())
    train = [image for image in images if image.set == "train"]
    for setting, half in ((1, "train"), (2, "validation")):
        chosen = [image for image in train if image.id in split[half]]
        fullest = max(chosen, key=lambda image: len(image.masks))
        (folder / f"train{setting}.json").write_text(json.dumps(convert([fullest], "imantics")))
    test = next(image for image in images if image.set == "test")
    (folder / "test.json").write_text(json.dumps(convert([test], "exact")))
    return folder


@pytest.mark.parametrize(("model", "setting"), CELLS)
def test_one_step_and_one_inference(model, setting, data, tmp_path):
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    training = fill_training(config["training"], read_protocol("report", MODELS))
    train, test = data / f"train{setting}.json", data / "test.json"
    images = data / "dataset"
    command = ["scripts/resolve_config.py", "--model", json.dumps(MODELS[model]), "--training", json.dumps(training)]
    command += ["--train", train, images / "train", "--validation", train, images / "train"]
    command += ["--test", test, images / "test", "--polygons", "--weights", "published.pth", "--seed", "0"]
    command += ["--out", tmp_path / "config.py"]
    subprocess.run([sys.executable, *map(str, command)], check=True, cwd=ROOT)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    here = ROOT / "tests/full/full_size.py"
    arguments = ["--config", tmp_path / "config.py", "--folder", scratch, "--out", tmp_path / "found.json"]
    subprocess.run(
        [sys.executable, str(here), *map(str, arguments)],
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts"), "CUDA_VISIBLE_DEVICES": ""},
    )
    shutil.rmtree(scratch)
    found = json.loads((tmp_path / "found.json").read_text())
    nuclei = len(json.loads(train.read_text())["annotations"])
    ROWS.append(
        {
            "model": model,
            "setting": setting,
            "parameters, million": round(found["parameters"] / 1e6, 1),
            "nuclei": nuclei,
            "image": "x".join(map(str, found["shape"][2:])),
            "step_seconds": round(found["step_seconds"], 1),
            "inference_seconds": round(found["inference_seconds"], 1),
            "peak_gb": round(found["peak_gb"], 1),
            "loss": round(found["losses"]["loss"], 2),
            "layers anew": len(found["dropped"]),
        }
    )
    print(json.dumps(ROWS[-1] | {"gradients": found["gradients"], "detections": found["detections"]}))
    assert found["finite"], found["losses"]
    assert found["same_after_reading_back"]
    heads = {part for part in found["gradients"] if part.startswith("roi_head")}
    wanted = {"mask": 2, "cascade": 6, "pointrend": 3, "ms rcnn": 3, "queryinst": 12}
    assert len(heads) == wanted[MODELS[model]["method"]]
    assert {"backbone.layer2", "backbone.layer3", "backbone.layer4", "neck", "rpn_head"} <= found["gradients"].keys()
    assert min(found["gradients"].values()) > 0, found["gradients"]
    classes = re.compile(r"conv_logits|fc_cls|fc_reg|fc_logits|fc_mask_iou|point_head\.fcs")
    assert all(classes.search(name) for name in found["dropped"]), found["dropped"]


def test_the_table_is_written():
    if len(ROWS) != len(CELLS):
        pytest.skip(f"{len(ROWS)} of {len(CELLS)} cells ran: docs/full_size.* stay as they are")
    frame = pd.DataFrame(ROWS)
    frame.to_csv(ROOT / "docs/full_size.csv", index=False)
    threads = os.environ.get("OMP_NUM_THREADS", os.cpu_count())
    head = (
        "# One step of every cell at full size, on a CPU\n\n"
        "Written by `make test-full`: one optimisation step (batch 1) on the training image with the most nuclei (for\n"
        "setting 2 of those that setting 1 does not train on), one test image, from a random checkpoint in the\n"
        f"published form. Threads: {threads}; whatever else ran on the machine shows in the times; `peak_gb` is the\n"
        "whole process.\n\n"
    )
    (ROOT / "docs/full_size.md").write_text(head + frame.to_markdown(index=False) + "\n")
