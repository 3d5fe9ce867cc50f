"""Each architecture of the tables, at full width from random start, learns one 256 px crop of real tissue by heart.

make test-overfit; real training by scripts/train.py, stopped by SIGTERM once AP50 on the crop passes 0.8.
"""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import yaml
from conftest import ROOT, SHARED, needs_real_data

from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout
from nuclei.data.raw_sources import fetch
from nuclei.data.tiles import tile

pytestmark = [needs_real_data, pytest.mark.overfit]
MODELS = yaml.safe_load((ROOT / "config/models.yaml").read_text())["models"]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())["training"]
SIX = [name for name, entry in MODELS.items() if not entry.get("explored")]
WANTED, EPOCHS, STEPS = 0.8, 40, 20
RECIPE = {
    "weights": "none",
    "epochs": EPOCHS,
    "repeat": STEPS,
    "batch": 1,
    "workers": 0,
    "lr": 0.01,
    "schedule": [EPOCHS],
    "warmup": 20,
    "clip": 10,
    "train_scales": [[256, 256], [256, 256]],
    "test_scale": [256, 256],
    "options": {  # small anchors; few boxes a step, which is what most of its time goes to
        "model.rpn_head.anchor_generator.scales": [4],
        "model.train_cfg.rcnn.sampler.num": 64,
        "model.train_cfg.rpn_proposal.nms_pre": 500,
        "model.train_cfg.rpn_proposal.max_per_img": 300,
    },
}


@pytest.fixture(scope="module")
def crop(tmp_path_factory):
    """Annotations of one crop: of the tiles of a training image, the one with the median number of nuclei."""
    folder = tmp_path_factory.mktemp("crop")
    fetch(str(SHARED / "vrdl-raw.tar.xz"), "dataset", folder / "dataset")
    images, _, _ = read_layout(folder / "dataset")
    (image,) = [image for image in images if image.id == "TCGA-18-5592-01Z-00-DX1"]
    content = convert([image], "exact", "polygon")
    content = tile(content, folder / "dataset/train", folder / "tiles", 256, 186)
    counts = {row["id"]: 0 for row in content["images"]}
    for row in content["annotations"]:
        counts[row["image_id"]] += 1
    chosen = sorted(counts, key=lambda number: (counts[number], number))[len(counts) // 2]
    content["images"] = [row for row in content["images"] if row["id"] == chosen]
    content["annotations"] = [row for row in content["annotations"] if row["image_id"] == chosen]
    (folder / "crop.json").write_text(json.dumps(content))
    print(f"crop {content['images'][0]['file_name']}: {counts[chosen]} nuclei")
    return folder


@pytest.mark.parametrize("model", SIX)
def test_learns_a_crop_by_heart(model, crop, tmp_path):
    section = DEFAULT | RECIPE
    paths = [crop / "crop.json", crop / "tiles"]
    command = ["scripts/resolve_config.py", "--model", json.dumps(MODELS[model]), "--training", json.dumps(section)]
    command += ["--train", *paths, "--validation", *paths, "--test", *paths, "--polygons", "--seed", "0"]
    command += ["--out", tmp_path / "config.py"]
    subprocess.run([sys.executable, *map(str, command)], check=True, cwd=ROOT)
    command = [ROOT / "scripts/train.py", "--config", tmp_path / "config.py", "--work", tmp_path / "work"]
    command += ["--label", model, "--device", "cpu", "--threads", len(os.sched_getaffinity(0))]
    for name in ("checkpoints", "epochs", "log", "provenance"):
        command += [f"--out-{name}", tmp_path / name]
    started, scores = time.monotonic(), []
    process = subprocess.Popen([sys.executable, *map(str, command)], cwd=ROOT)
    try:
        while process.poll() is None and max(scores, default=0) <= WANTED:
            time.sleep(2)
            for log in (tmp_path / "work").glob("*/log.jsonl"):
                rows = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
                scores = [row["ap50_1000"] for row in rows if row["mode"] == "val"]
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait()
    took = (time.monotonic() - started) / 60
    line = f"{model}: AP50 {max(scores, default=0):.3f} after {len(scores) * STEPS} steps, {took:.1f} minutes"
    print(line, [round(score, 3) for score in scores])
    assert max(scores, default=0) > WANTED, line
