"""Training against mmdet's own tools/train.py, the parts of a training step, and the scores of a validation.

The recipe is that of config/best.yaml. Each side trains on one thread, so CPU time is what it takes of a core that
nothing else uses; times compared are CPU times.
"""

import json
import math
import os
import time
from pathlib import Path

import mmdet
import torch
import yaml
from conftest import ROOT
from mmcv import Config
from mmcv.utils import get_logger
from mmdet.datasets import build_dataset
from mmdet.utils import build_dp

from bench.clock import PARTS
from bench.inference import run
from bench.rows import Row, below, faster, require
from nuclei.data.conversion import convert
from nuclei.data.masks import image_size
from nuclei.data.raw_layout import read_layout
from nuclei.data.splits import random_split
from nuclei.data.tiles import starts, tile
from nuclei.models.detector import build_model
from nuclei.models.resolve import resolve
from nuclei.models.zoo import zoo_path
from nuclei.prediction.single_look import predict
from nuclei.scoring.average_precision import score

TOOL = Path(mmdet.__file__).parent / ".mim/tools/train.py"
MODELS = ("pointrend_r50", "mask_r50", "cascade_r50")  # the first alone, unless the bench is full
STEPS, WARM = 40, 10  # of a training, and the first of them whose time does not count
SAME, FIRST = 5e-3, 3  # relative difference of each loss in the first steps of fp32 trainings
NEAR = {"fp32": 0.03, "tf32": 0.05, "bf16": 0.05, "fp16": 0.05}  # relative difference of the mean loss over all steps
SEED = 0


def read(name):
    """A file of config/ as a dict."""
    return yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())


def prepare(material, best=None, steps=None):
    """Training tiles and validation images below material.scratch, of the recipe `best` (default: config/best.yaml).

    Returns {"train"|"val"|"test": {"annotations", "images"}} and the number of tiles of all training images, of which
    only as many are made as the steps take.
    """
    folder, best = material.scratch / "training", best or read("best")
    folder.mkdir()
    images = [image for image in read_layout(material.dataset)[0] if image.set == "train"]
    ids = [image.id for image in images]
    validation = (read("splits/report") if material.real else random_split(ids, 0.25, SEED))["validation"]
    train = [image for image in images if image.id not in validation]
    sizes = [image_size(image) for image in train]
    size = min(best["tiles"]["size"], *map(min, sizes))
    stride, least = min(best["tiles"]["stride"], size), best["tiles"]["min_area"]
    counts = [math.prod(len(starts(side, size, stride)) for side in sides) for sides in sizes]
    wanted = (steps or STEPS) * best["training"]["batch"]
    used = [image for number, image in enumerate(train) if sum(counts[:number]) < wanted]
    content = convert(used, "exact", "polygon", material.processes)
    tiles = tile(content, material.dataset / "train", folder / "tiles", size, stride, least, "polygon")
    tiles["images"] = tiles["images"][:wanted]
    kept = {image["id"] for image in tiles["images"]}
    tiles["annotations"] = [row for row in tiles["annotations"] if row["image_id"] in kept]
    others = convert([image for image in images if image.id in validation], "exact", "polygon", material.processes)
    paths = {}
    for half, found, place in (("train", tiles, folder / "tiles"), ("val", others, material.dataset / "train")):
        (folder / f"{half}.json").write_text(json.dumps(found))
        paths[half] = {"annotations": str(folder / f"{half}.json"), "images": str(place)}
    return {**paths, "test": paths["val"]}, sum(counts)


def cell(name, precision, paths, folder):
    """Write the config.py of a cell by config/best.yaml, with STEPS steps, SGD, the bench's clock, a precision."""
    training = {**read("config")["training"], **read("best")["training"]}
    images = len(json.loads(Path(paths["train"]["annotations"]).read_text())["images"])
    repeat = math.ceil(STEPS * training["batch"] / images)
    training |= {"epochs": 1, "repeat": repeat, "validate_every": 0, "precision": precision}
    # SGD, as in the zoo: AdamW's first steps move a weight as far by a gradient of rounding as by a large one
    training["options"] = {key: value for key, value in training["options"].items() if key != "optimizer"}
    model = read("models")["models"][name]
    zoo = Config.fromfile(str(zoo_path(model["zoo"])))._cfg_dict.to_dict()
    resolved = resolve(zoo, model, training, paths, SEED, True)
    resolved["custom_imports"] = dict(imports=["nuclei.models.augmentation", "bench.clock"], allow_failed_imports=False)
    resolved["custom_hooks"] = [dict(type="Clock", seed=SEED, priority="HIGH")]
    config = Config(resolved)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{precision}.py").write_text(config.pretty_text)
    return folder / f"{precision}.py", config.data.samples_per_gpu


def clocked(out, *words, **variables):
    """Run a training; its steps as the clock wrote them to `out`. variables: further ones of its environment."""
    # packages may come from a folder that PYTHONPATH names, as in the check of a GPU
    path = os.pathsep.join(filter(None, [f"{ROOT / 'scripts'}", f"{ROOT / 'tests'}", os.environ.get("PYTHONPATH")]))
    run(*words, CLOCK=str(out), PYTHONPATH=path, **variables)
    return json.loads(out.read_text())


def trained(config, folder, device="cpu", **variables):
    """Steps of a training by scripts/train.py; its outputs go to `folder`."""
    words = ["--config", config, "--work", folder / "work", "--device", device, "--threads", 1]
    for name in ("checkpoints", "epochs", "log", "provenance"):
        words += [f"--out-{name}", folder / name]
    folder.mkdir()
    return clocked(folder / "steps.json", ROOT / "scripts/train.py", *words, **variables)


def by_tool(config, folder, **variables):
    """Steps of a training by mmdet's tools/train.py."""
    folder.mkdir()
    words = [config, "--work-dir", folder, "--no-validate", "--seed", SEED]
    return clocked(folder / "steps.json", TOOL, *words, **variables)


def seconds(steps, kind, parts=PARTS):
    """Mean seconds of `parts` of a step, those of the first WARM left out. kind: 0 wall, 1 CPU."""
    return sum(step[part][kind] for step in steps[WARM:] for part in parts) / len(steps[WARM:])


def mean_loss(steps):
    """Mean loss over all steps."""
    return sum(step["losses"]["loss"] for step in steps) / len(steps)


def difference(found, wanted):
    """Relative difference."""
    return abs(found - wanted) / max(abs(wanted), 1e-9)


def check(name, precision, ours, stock, warm=None):
    """Require the losses of mmdet's tool: in fp32 each of the first steps', and the mean of all. Returns a note."""
    require(len(ours) == len(stock) > (warm or WARM), f"{name}: {len(ours)} steps, by mmdet's tool {len(stock)}")
    first = 0.0
    for number, (step, other) in enumerate(zip(ours[:FIRST], stock[:FIRST], strict=True), 1):
        for key, wanted in other["losses"].items() if precision == "fp32" else ():
            if "loss" not in key:  # accuracies jump by a whole sample
                continue
            found = step["losses"][key]
            first = max(first, difference(found, wanted))
            require(
                difference(found, wanted) <= SAME,
                f"{name}, {precision}: step {number}: {key} {found}, by mmdet's tool {wanted}",
            )
    found, wanted = mean_loss(ours), mean_loss(stock)
    text = f"mean loss of {len(ours)} steps {found:.4f}, by mmdet's tool {wanted:.4f}"
    require(difference(found, wanted) <= NEAR[precision], f"{name}, {precision}: {text}")
    return text + (f", all losses of {len(ours[:FIRST])} steps to {first:.1e}" if precision == "fp32" else "")


def validation(config, checkpoints, epoch):
    """Row of the scores of a validation as a share of an epoch of `epoch` CPU seconds. checkpoints: folder of one.

    As many nuclei are found in the validation images as are kept, whatever their score.
    """
    config = Config.fromfile(str(config))
    config.model.test_cfg.rcnn.score_thr = 0.0
    get_logger("mmcv").setLevel("WARNING")  # else a line for each initialised layer
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model = build_model(config)
    (weights,) = checkpoints.glob("*.pth")
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True)["state_dict"])
    dataset = build_dataset(config.data.val, dict(test_mode=True))
    times = [time.process_time()]
    found = predict(build_dp(model, "cpu", device_ids=[0]), dataset)
    times.append(time.process_time())
    scores = score(dataset.coco.dataset, found, per_image=False)
    times.append(time.process_time())
    torch.set_num_threads(threads)
    require(scores["predictions"] == len(found) > 0, f"{config}: no nuclei found in the validation images")
    detection, scoring = times[1] - times[0], times[2] - times[1]
    percent = 100 * scoring / epoch
    note = (
        f"{len(found)} detections, {scores['nuclei']} nuclei, {scores['images']} images; the detections themselves "
        f"take {detection:.3g} s; CPU time"
    )
    return Row("scores of a validation; its epoch", scoring, epoch, f"{percent:.2g} %", "under 5 %", percent < 5, note)


def bf16():
    """Whether this CPU computes bf16; without it, it has no rows."""
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def rows(material, full):
    paths, tiles = prepare(material)
    for number, name in enumerate(MODELS if full else MODELS[:1]):
        folder = material.scratch / "training" / name
        config, batch = cell(name, "fp32", paths, folder)
        stock = by_tool(config, folder / "stock")
        for precision, least in (("fp32", 1.0), ("bf16", 1.5))[: 1 + bf16()]:
            config, _ = cell(name, precision, paths, folder)
            ours = trained(config, folder / precision)
            compared = check(name, precision, ours, stock)
            (wall, cpu), (wall_stock, cpu_stock) = (
                [seconds(steps, kind) for kind in (0, 1)] for steps in (ours, stock)
            )
            note = (
                f"{batch / cpu:.3g} images/s; {batch / cpu_stock:.3g}; CPU time, by wall clock "
                f"{wall_stock / wall:.3g}x; {compared}"
            )
            title = f"a training step of {name}, {precision}"
            yield faster(f"{title}; mmdet's tools/train.py", cpu, cpu_stock, least, note)
            whole = ", ".join(f"{part} {100 * seconds(ours, 1, [part]) / cpu:.0f} %" for part in PARTS)
            yield below(f"{title}, its parts", cpu, note=f"{whole}; CPU time")
            if number == 0 and precision == "fp32":
                yield validation(config, folder / precision / "checkpoints", cpu * math.ceil(tiles / batch))
