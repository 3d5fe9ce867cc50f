"""The models of config/models.yaml, ready to be measured: config, weights, one batch, and their losses on the CPU.

Full size: the report's protocol from random start, in which nothing is frozen, at width 1 and the zoo's scales. Small:
the narrow and shallow models of config/demo.yaml.
"""

import contextlib
import copy
import functools
import json
import os
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from mmcv import Config
from mmcv.parallel import collate
from mmcv.parallel.scatter_gather import scatter_kwargs
from mmcv.utils import get_logger
from mmdet.apis import set_random_seed
from mmdet.datasets import build_dataset
from support.resolved_configs import MODELS, entry, training, zoo

from nuclei.models.config_tree import walk
from nuclei.models.detector import build_model
from nuclei.models.resolve import resolve
from nuclei.training.loop import use_device
from nuclei.workflow.protocols import fill_training, read_protocol

BATCH = 2
PRECISIONS = {"fp32": {}, "TF32": {"tf32": True}, "fp16": {"precision": "fp16"}, "bf16": {"precision": "bf16"}}
SMALL = {"train_scales": [[96, 96], [128, 128]], "test_scale": [128, 128], "detections": 50, "warmup": 2}


def section(small):
    """`training` of the config. Anchors are assigned on the card, which has the memory for it."""
    filled = fill_training(training("demo" if small else "config"), read_protocol("report", MODELS))
    changed = {"weights": "none", "batch": BATCH, "workers": 0, "epochs": 1, "repeat": 1, "gpu_assign_thr": None}
    return {**filled, **changed, **(SMALL if small else {})}


def resolved_tree(name, paths, small, tf32=False, **change):
    """The resolved config of a model as a nested dict. change: `training` keys."""
    model = entry(name, "demo" if small else "config")
    own = read_protocol("report", MODELS)["models"].get(name) or {}
    model = {**model, "protocol_options": None if small else own.get("options")}
    return resolve(zoo(name), model, {**section(small), **change}, paths, 0, True, tf32=tf32)


def config_of(name, paths, small, **change):
    """resolved_tree() as a Config."""
    return Config(resolved_tree(name, paths, small, **change))


def is_wide(config):
    """Whether images are only shifted, not scaled, before the network."""
    return any(node.get("type") == "Normalize" and max(node["std"]) == 1 for node in walk(config.data.to_dict()))


def built(config):
    """The detector, on the CPU, with the same weights each time."""
    get_logger("mmcv").setLevel("WARNING")  # else a line for each initialised layer
    set_random_seed(0)
    model = build_model(config)
    for name, value in model.state_dict().items():
        # The last norm of a block starts at 0 in mmdet, which would keep its convolutions out of the losses.
        if name.startswith("backbone") and value.dim() == 1 and name.endswith("weight") and not value.any():
            value.fill_(0.2)
        if name == "backbone.conv1.weight" and is_wide(config):
            value /= 60  # as if images had a standard deviation of 1, or features would not fit fp16 at test
    return model


def fingerprint(model, items):
    """Check sum of the weights and the images, which two processes must agree on."""
    found = 0
    for value in [*model.state_dict().values(), *(item["img"].data for item in items)]:
        found = zlib.crc32(value.contiguous().numpy(), found)
    return found


class Choices:
    """Makes a model's random and unstable choices the same on every device, while it is entered.

    These are the proposals (near a tie, rounding decides which are kept) and the random numbers: samples of anchors
    and proposals, points of PointRend. proposals: those to take; None: keep the model's own in `proposals`.
    """

    def __init__(self, model, proposals=None):
        self.model, self.proposals, self.leave = model, proposals, contextlib.ExitStack()

    def replace(self, owner, name, function):
        """Put function in the place of an attribute, until exit."""
        there, before = name in vars(owner), getattr(owner, name)
        setattr(owner, name, functools.wraps(before)(functools.partial(function, before)))
        self.leave.callback(setattr if there else lambda owner, name, _: delattr(owner, name), owner, name, before)

    def __enter__(self):
        def propose(original, *inputs, **options):
            found = original(*inputs, **options)
            if "EmbeddingRPNHead" in type(self.model.rpn_head).__name__:  # QueryInst's are learned, and do not vary
                return found
            losses, own = found
            if self.proposals is None:
                self.proposals = [boxes.detach().float().cpu() for boxes in own]
            return losses, [boxes.to(like.device) for boxes, like in zip(self.proposals, own, strict=True)]

        def seeded(original, *inputs, **options):
            set_random_seed(2)
            return original(*inputs, **options)

        def rand(original, *size, device=None, **options):
            return original(*size, **options).to(device or "cpu")

        self.replace(self.model.rpn_head, "forward_train", propose)
        self.replace(self.model.roi_head, "forward_train", seeded)
        self.replace(torch, "rand", rand)
        set_random_seed(1)
        return self

    def __exit__(self, *_):
        self.leave.close()


@dataclass
class Reference:
    """A model's losses on the CPU, fp32. proposals: of each image (n, 5), or None. fingerprint: see there."""

    losses: dict[str, float]
    proposals: Any
    fingerprint: int


def items_of(config):
    """The two images as the training pipeline gives them, the same each time."""
    dataset = build_dataset(config.data.train)
    set_random_seed(0)
    return [dataset[number] for number in range(BATCH)]


def reference(name, paths, small):
    """The Reference of a model; a forward pass without gradients."""
    config = config_of(name, paths, small)
    model, items = built(config), items_of(config)
    found = fingerprint(model, items)
    use_device(model, config, torch.device("cpu"))
    model.train()
    _, (batch,) = scatter_kwargs((), collate(items, BATCH), [-1])
    with torch.no_grad(), Choices(model) as choices:
        _, values = model._parse_losses(model(return_loss=True, **batch))
    return Reference(dict(values), choices.proposals, found)


def prepare_worker(threads):
    """Let a process compute references beside the card: it sees none, and has these threads."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    torch.set_num_threads(threads)


class References:
    """The references of all models, computed ahead in processes beside the card; small ones when they are asked for."""

    def __init__(self, paths, small):
        self.small, self.paths, self.pool = small, paths, None
        self.of = functools.cache(self.of)
        if not small:
            cores = len(os.sched_getaffinity(0))
            workers = max(1, min(3, cores // 4))
            threads = (max(1, cores // (workers + 1)),)
            self.pool = ProcessPoolExecutor(workers, get_context("spawn"), prepare_worker, threads)
            self.ahead = {name: self.pool.submit(reference, name, paths, False) for name in MODELS}

    def of(self, name):
        """The Reference of a model; waits for it."""
        return self.ahead[name].result() if self.pool else reference(name, self.paths, True)

    def close(self):
        """End the processes."""
        if self.pool:
            self.pool.shutdown(wait=False, cancel_futures=True)


class Subject:
    """A model with its weights (never changed), and a batch. always: `training` keys of all its configs."""

    def __init__(self, name, paths, small, **always):
        self.name, self.paths, self.small, self.always = name, paths, small, always
        config = self.config()
        self.model, self.items = built(config), items_of(config)

    @property
    def nuclei(self):
        """Nuclei in the batch."""
        return sum(len(item["gt_bboxes"].data) for item in self.items)

    @property
    def image_ids(self):
        """Ids of the images that are predicted."""
        content = json.loads(Path(self.paths["test"]["annotations"]).read_text())
        return {image["id"] for image in content["images"]}

    @property
    def fingerprint(self):
        """Of its weights and images."""
        return fingerprint(self.model, self.items)

    def config(self, **change):
        """A new config, with changed `training` keys."""
        return config_of(self.name, self.paths, self.small, **self.always, **change)

    def fresh(self):
        """A copy of the model."""
        return copy.deepcopy(self.model)
