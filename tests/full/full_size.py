"""One optimisation step and one inference of a cell at full architecture and image size, on the CPU.

Starts from a checkpoint in mmdet's published form, made on the spot with 80 classes and random weights, through
scripts/fetch_weights.py and the loading that training uses. Prints what it measured as JSON.
"""

import argparse
import copy
import hashlib
import json
import math
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy
import torch
from mmcv import Config
from mmcv.runner import build_optimizer
from mmdet.apis import set_random_seed
from mmdet.datasets import build_dataloader, build_dataset
from mmdet.models import build_detector
from mmdet.utils import build_dp

from nuclei.models.classes import set_classes
from nuclei.models.config_tree import walk
from nuclei.models.detector import build_model
from nuclei.models.pretrained import load_published
from nuclei.prediction.single_look import predict
from nuclei.prediction.trained_weights import load_weights
from nuclei.training.hooks import save_checkpoint

SCRIPTS = Path(__file__).parents[2] / "scripts"


def publish(config, folder):
    """A random model with 80 classes as a published checkpoint; returns the path that fetch_weights.py makes of it."""
    model = copy.deepcopy(config.model)
    set_classes(model, 80, before=1)
    model = build_detector(model)
    model.init_weights()
    state = model.state_dict()
    for name, value in state.items():
        # the last norm of a block starts at 0 in mmdet, which would stop gradients; a trained one is small
        if name.startswith("backbone") and value.dim() == 1 and name.endswith("weight") and not value.any():
            value.fill_(0.2)
        if name == "backbone.conv1.weight" and wide_input(config):
            value /= 60  # trained filters fit images that are not scaled to a standard deviation of 1
    path = folder / "published.pth"
    torch.save({"meta": {"mAP": numpy.float64(0.4), "CLASSES": ("person",) * 80}, "state_dict": state}, path)
    path = path.rename(folder / f"net-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth")
    command = [sys.executable, SCRIPTS / "fetch_weights.py", "--url", f"published/{path.name}", "--folder", folder]
    subprocess.run([*map(str, command), "--out", str(folder / "weights.pth")], check=True)
    path.unlink()
    return folder / "weights.pth"


def wide_input(config):
    """Whether images are only shifted, not scaled, before the network."""
    return any(node.get("type") == "Normalize" and max(node["std"]) == 1 for node in walk(config.data.to_dict()))


def part_of(name):
    """Part of the detector that a parameter belongs to: backbone stage, neck, each head."""
    words = name.split(".")
    depth = {"backbone": 2, "roi_head": 3 if len(words) > 3 and words[2].isdigit() else 2}.get(words[0], 1)
    return ".".join(words[:depth])


def gradients(model):
    """{part: share of its trainable tensors with a gradient that is finite and not all zero}."""
    parts = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            gradient = parameter.grad
            reached = gradient is not None and bool(torch.isfinite(gradient).all()) and bool(gradient.any())
            parts.setdefault(part_of(name), []).append(reached)
    return {part: sum(reached) / len(reached) for part, reached in parts.items()}


def step(model, config):
    """One optimisation step on the one training image: (losses, shares of gradients, seconds)."""
    dataset = build_dataset(config.data.train)
    loader = build_dataloader(dataset, 1, 0, dist=False, shuffle=False, seed=0)
    optimizer = build_optimizer(model, config.optimizer)
    wrapped = build_dp(model, "cpu", device_ids=[0])
    wrapped.train()
    for group in optimizer.param_groups:
        group["lr"] *= config.lr_config.get("warmup_ratio") or 1
    batch = next(iter(loader))
    before = time.monotonic()
    outputs = wrapped.train_step(batch, optimizer)
    optimizer.zero_grad()
    outputs["loss"].backward()
    optimizer.step()
    shape = list(batch["img"].data[0].shape)
    return outputs["log_vars"], gradients(model), time.monotonic() - before, shape


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="config.py of the cell, its training set of one image")
    parser.add_argument("--folder", required=True, help="scratch folder")
    parser.add_argument("--out", required=True, help="JSON")
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
    folder = Path(args.folder)
    config = Config.fromfile(args.config)
    config.data.workers_per_gpu = 0
    set_random_seed(0)
    published = publish(config, folder)
    model = build_model(config)
    dropped = load_published(model, config, published, "full size")
    losses, shares, seconds, shape = step(model, config)
    test = build_dataset(config.data.test, dict(test_mode=True))
    before = time.monotonic()
    first = predict(build_dp(model, "cpu", device_ids=[0]), test)
    inference = time.monotonic() - before
    save_checkpoint(folder / "epoch_1.pth", model, {"epoch": 1})
    again = build_model(config)
    load_weights(again, folder / "epoch_1.pth")
    second = predict(build_dp(again, "cpu", device_ids=[0]), test)
    Path(args.out).write_text(
        json.dumps(
            {
                "losses": losses,
                "finite": all(math.isfinite(value) for value in losses.values()),
                "gradients": shares,
                "dropped": dropped,
                "step_seconds": seconds,
                "inference_seconds": inference,
                "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
                "parameters": sum(p.numel() for p in model.parameters()),
                "shape": shape,
                "detections": len(first),
                "same_after_reading_back": first == second,
            }
        )
    )


if __name__ == "__main__":
    main()
