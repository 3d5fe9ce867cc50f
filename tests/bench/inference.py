"""Prediction against mmdet's own tools/test.py, and the memory of images of any size.

The model is narrow and has random weights: it finds as many nuclei as are kept, the most that prediction can meet.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import mmdet
import numpy as np
import torch
import yaml
from conftest import ROOT
from mmcv import Config
from mmcv.utils import get_logger

from bench.rows import faster, require, timed, within
from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout
from nuclei.models.detector import build_model
from nuclei.models.resolve import resolve
from nuclei.models.zoo import zoo_path
from nuclei.training.hooks import save_checkpoint

TOOL = Path(mmdet.__file__).parent / ".mim/tools/test.py"
WINDOW, OVERLAP = 1000, 128
LARGE, LARGER = 2000, 5000  # side of the large image, px; LARGER in the full bench


def cell(material, images, width=None):
    """Paths of the config.py and of the checkpoint of a cell whose test images are `images` (COCO content).

    width: of the model, as training.width; None: that of config/cpu.yaml.
    """
    folder = material.scratch / "inference"
    folder.mkdir(exist_ok=True)
    (folder / "images.json").write_text(json.dumps(images))
    read = {name: yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()) for name in ("config", "cpu", "models")}
    training = {**read["config"]["training"], **read["cpu"]["training"]}
    training["width"] = width or training["width"]
    model = read["models"]["models"]["mask_r50"]
    paths = {"annotations": str(folder / "images.json"), "images": str(material.dataset / "test")}
    zoo = Config.fromfile(str(zoo_path(model["zoo"])))._cfg_dict.to_dict()
    config = Config(resolve(zoo, model, training, dict.fromkeys(("train", "val", "test"), paths), 0, True))
    config.model.test_cfg.rcnn.score_thr = 0.0  # so that random weights find nuclei
    (folder / "config.py").write_text(config.pretty_text)
    get_logger("mmcv").setLevel("WARNING")  # else a line for each initialised layer
    torch.manual_seed(0)
    save_checkpoint(folder / "weights.pth", build_model(config), {"CLASSES": ("nucleus",)})
    return folder / "config.py", folder / "weights.pth"


def run(*words, **variables):
    """Run a command on one thread, with more environment variables; its error is ours.

    Returns its peak memory, and what it held every tenth of a second, MB.
    """
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": str(ROOT / "scripts"),
        **variables,
    }
    peak, held = 0.0, []
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([sys.executable, *map(str, words)], stdout=said, stderr=said, env=environment)
        while process.poll() is None:  # its rusage would hold this process's memory too
            status = Path(f"/proc/{process.pid}/status").read_text()
            found = {key: int(kb) / 1024 for key, kb in re.findall(r"Vm(HWM|RSS):\s+(\d+) kB", status)}
            if found:
                peak = found["HWM"]
                held.append(found["RSS"])
            time.sleep(0.1)
        said.seek(0)
        require(process.returncode == 0, f"{words[0]}: {said.read()[-500:]}")
    return peak, held


def predicted(config, weights, out, *options):
    """(rows that scripts/predict.py writes, its peak memory, MB)."""
    words = ["--config", config, "--checkpoint", weights, "--device", "cpu", "--out", out, *options]
    memory, _ = run(ROOT / "scripts/predict.py", *words)
    return json.loads(out.read_text()), memory


def by_tool(config, weights, prefix):
    """Rows that mmdet's tools/test.py writes."""
    options = "data.test_dataloader.samples_per_gpu=1", "data.workers_per_gpu=0"
    run(
        TOOL, config, weights, "--format-only", "--eval-options", f"jsonfile_prefix={prefix}", "--cfg-options", *options
    )
    return json.loads(Path(f"{prefix}.segm.json").read_text())


def tissue(material, content, side):
    """COCO content of one image of side x side px, laid out of the test images; it is written beside them."""
    tiles = [cv2.imread(str(material.dataset / "test" / image["file_name"])) for image in content["images"]]
    least = min(min(tile.shape[:2]) for tile in tiles)
    count = -(-side // least)
    rows = [[tiles[(count * y + x) % len(tiles)][:least, :least] for x in range(count)] for y in range(count)]
    name = f"bench_{side}.png"
    whole = np.vstack([np.hstack(row) for row in rows])[:side, :side]
    cv2.imwrite(str(material.dataset / "test" / name), whole)
    return {**content, "images": [{"file_name": name, "height": side, "width": side, "id": 1}]}


def rows(material, full):
    images = [image for image in read_layout(material.dataset, material.test_masks)[0] if image.set == "test"]
    content = convert(images[: None if full else 2], "exact", "rle")
    content["annotations"] = []
    config, weights = cell(material, content)
    ours, (found, _) = timed(predicted, config, weights, material.scratch / "found.json")
    other, wanted = timed(by_tool, config, weights, material.scratch / "wanted")
    keys = [
        sorted((row["image_id"], row["score"], row["segmentation"]["counts"]) for row in part)
        for part in (found, wanted)
    ]
    require(keys[0] == keys[1], "prediction: other nuclei than mmdet's tools/test.py finds")
    note = f"{len(content['images'])} images, {len(found)} nuclei, both with their start; equal masks and scores"
    yield faster("prediction; mmdet's tools/test.py", ours, other, None, note)

    window = ["--window", str(WINDOW), "--overlap", str(OVERLAP)]
    peaks = {}
    for side in (WINDOW, LARGER if full else LARGE):
        large = tissue(material, content, side)
        config, weights = cell(material, large)
        _, peaks[side] = predicted(config, weights, material.scratch / "large.json", *window)
    (small, least), (side, most) = peaks.items()
    note = f"windows of {WINDOW} px, {OVERLAP} px overlap, random weights"
    yield within(f"memory for {side} x {side} px; for {small} x {small} px", most, least, 1.25, note, "MB")
