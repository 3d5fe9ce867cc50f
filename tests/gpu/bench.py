"""Measure training steps a second on a GPU beside mmdet's own tools/train.py, in the same run (make bench-gpu).

Both sides train the same config.py, that of --overlay (config/best-gpu.yaml) from random start, on the same batches,
each in a process of its own. First fp32 beside fp32 (TF32 forbidden on both sides), then faster precisions, then, for
the first model, bf16 without each of our switches. Every figure is kept as soon as it is known (gpu.records): kind
`speed`, and kind `where`, the seconds of each part of a step. Before times are compared, losses are: a row of trainings
whose losses differ says so, and counts nothing.
"""

import argparse
import functools
import json
import math
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from bench import training
from bench.material import Material, gather
from bench.rows import WrongResult
from mmcv import Config
from support.merged_config import merged

import nuclei.models.shallow  # noqa: F401 - registers the backbones of --small
from gpu.card import note_card
from gpu.clock import PARTS, SWITCHES
from gpu.records import record
from nuclei.models.resolve import resolve
from nuclei.models.zoo import zoo_path
from nuclei.training.cost import count_model, shapes

MODELS = ("mask_r50", "pointrend_r50", "cascade_r50", "mask_x101", "cascade_x101", "ms_rcnn_x101")
SMALL = {"width": 0.125, "depth": 0.125, "crop": 64, "train_scales": [[96, 96], [96, 96]], "test_scale": [96, 96]}
TINY = {"train": 2, "test": 1, "size": 96, "seed": 7}  # the drawn data of --small
AS_IT_COMES = "fp32 as torch sets it, TF32 in convolutions"
STRICT = {"NVIDIA_TF32_OVERRIDE": "0"}  # environment: NVIDIA's libraries use no TF32, whoever asks for it


@dataclass(frozen=True)
class Side:
    """What one process trains. precision: fp32, tf32, bf16, fp16. without: switches of ours that are left off."""

    ours: bool
    precision: str
    without: tuple[str, ...] = ()
    benchmark: bool = False  # cudnn.benchmark


FP32, LOOSE, FP16 = (Side(False, name) for name in ("fp32", AS_IT_COMES, "fp16"))
# ours, mmdet's tool, the ratio that is aimed at; in the order of worth
COMPARED = (
    (Side(True, "fp32"), FP32, 1.0),
    (Side(True, "bf16"), FP32, 1.5),
    (Side(True, "bf16"), LOOSE, None),
    (Side(True, "tf32"), LOOSE, 1.0),
    (Side(True, "fp16"), FP16, 1.0),
    (Side(True, "bf16", benchmark=True), FP32, None),
    *((Side(True, "bf16", (switch,)), FP32, None) for switch in SWITCHES),
)


class NoTimeLeft(Exception):
    """The next process would end after the time that is given."""


class Bench:
    """The processes of one model; each Side is trained once. found: {Side: what the clock wrote, or WrongResult}."""

    def __init__(self, args, name, paths, scratch):
        self.args, self.name, self.paths, self.scratch = args, name, paths, scratch
        self.found = {}

    @functools.cached_property
    def work(self):
        """What a step takes, for all sides alike: images, their size, loading processes, multiply-adds of an image."""
        config = Config.fromfile(str(self.config(FP32)))
        _, (height, width) = shapes(config)
        macs = count_model(config, [(height, width)])[0][height, width]
        data = config.data
        size = {"batch": data.samples_per_gpu, "workers": data.workers_per_gpu, "height": height, "width": width}
        return {**size, "gflops": macs and macs / 1e9}

    def config(self, side):
        """Write a side's config.py; returns its path."""
        args, part = self.args, merged("best", self.args.overlay)["training"]
        images = len(json.loads(Path(self.paths["train"]["annotations"]).read_text())["images"])
        part |= SMALL if args.small else {}
        part |= {"batch": args.batch or part["batch"], "workers": args.workers, "weights": "none"}
        part |= {
            "epochs": 1,
            "minutes": None,
            "repeat": math.ceil(args.steps * part["batch"] / images),
            "validate_every": 0,
        }
        part["precision"] = side.precision if side.precision in ("bf16", "fp16") else "fp32"
        model = training.read("models")["models"][self.name]
        zoo = Config.fromfile(str(zoo_path(model["zoo"])))._cfg_dict.to_dict()
        tf32 = side.ours and side.precision != "fp32"
        resolved = resolve(zoo, model, part, self.paths, training.SEED, True, tf32=tf32)
        imports = resolved.setdefault("custom_imports", dict(imports=[], allow_failed_imports=False))["imports"]
        imports += ["nuclei.models.augmentation", "gpu.clock"]
        resolved["custom_hooks"] = [dict(type="DeviceClock", seed=training.SEED, warm=args.warm, priority="HIGH")]
        if side.benchmark:
            resolved["cudnn_benchmark"] = True
        path = self.scratch / f"{self.name}-{len(self.found)}.py"
        path.write_text("".join(f"{key} = {value!r}\n" for key, value in resolved.items()))
        return path

    def measure(self, side):
        """What the clock found of a side, trained now or before. WrongResult where its training fails."""
        if side not in self.found:
            try:
                self.found[side] = self.trained(side)
            except WrongResult as error:
                self.found[side] = error
        if isinstance(self.found[side], WrongResult):
            raise self.found[side]
        return self.found[side]

    def trained(self, side):
        """Train a side; what the clock found of it."""
        start, args = time.monotonic(), self.args
        if args.until and start + 1.2 * args.longest > args.until:
            raise NoTimeLeft
        path = self.config(side)
        variables = STRICT if side.precision == "fp32" else {}
        if args.device == "cuda":
            variables = {**variables, "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0")}
        folder = path.with_suffix("")
        if side.ours:
            found = training.trained(path, folder, args.device, WITHOUT=",".join(side.without), **variables)
        else:
            found = training.by_tool(path, folder, **variables)
        shutil.rmtree(folder)
        args.longest = max(args.longest, time.monotonic() - start)
        for part in PARTS:
            record(
                "where",
                model=self.name,
                side="ours" if side.ours else "mmdet",
                precision=side.precision,
                switches=found["switches"],
                part=part,
                seconds=found["parts"][part],
                small=args.small,
                device=found["device"],
            )
        return found

    def compare(self, ours, other, aim):
        """Record the speed of ours beside mmdet's tool; returns whether their losses are equal."""
        reference, found = self.measure(other), self.measure(ours)
        try:
            says = training.check(self.name, ours.precision, found["steps"], reference["steps"], self.args.warm)
            equal = True
        except WrongResult as error:
            says, equal = str(error), False
        record(
            "speed",
            model=self.name,
            precision=ours.precision,
            switches=found["switches"],
            reference=f"mmdet's tools/train.py, {other.precision}",
            steps_per_second=1 / found["seconds"],
            reference_steps_per_second=1 / reference["seconds"],
            ratio=reference["seconds"] / found["seconds"],
            aim=aim,
            default=not ours.without and not ours.benchmark,
            equal=equal,
            losses=says,
            **self.work,
            peak_memory_gb=found["peak_memory_gb"],
            reference_peak_memory_gb=reference["peak_memory_gb"],
            small=self.args.small,
            torch=torch.__version__,
            device=found["device"],
        )
        return equal


def material_of(args, scratch):
    """The data: a folder in the raw layout, those of ../shared/data, or drawn ones; always those with --small."""
    if args.data and not args.small:
        dataset = args.data / "dataset" if (args.data / "dataset/train").is_dir() else args.data
        return Material(dataset, Path(), [], scratch, real=True)
    return gather(scratch, archives=Path("no archives"), drawn=TINY) if args.small else gather(scratch)


def run(args, scratch):
    """Measure all models; returns names of comparisons that failed and of those that were left out for time."""
    recipe = merged("best", args.overlay)
    if args.batch:
        recipe["training"]["batch"] = args.batch
    paths, _ = training.prepare(material_of(args, scratch), recipe, args.steps)
    failed, left = [], []
    for number, model in enumerate(args.models):
        bench = Bench(args, model, paths, scratch)
        wanted = COMPARED if args.full or number == 0 else COMPARED[:2]
        for ours, other, aim in wanted if args.device == "cuda" else COMPARED[:2]:
            label = ", ".join(filter(None, [model, ours.precision, " ".join(f"without {x}" for x in ours.without)]))
            try:
                if not bench.compare(ours, other, aim):
                    failed.append(f"{label}: other losses than mmdet's")
            except NoTimeLeft:
                left.append(label)
            except WrongResult as error:
                failed.append(f"{label}: {error}")
    return failed, left


def arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="gpu.bench", description=__doc__)
    parser.add_argument("--models", nargs="+", help="in the order of worth; default: the six of the tables")
    parser.add_argument("--data", type=Path, help="folder of the raw data set; default: ../shared/data, else drawn")
    parser.add_argument("--steps", type=int, help="training steps of each process (default: 60, or 6 with --small)")
    parser.add_argument("--warm", type=int, help="first steps whose time does not count (default: a third)")
    parser.add_argument("--batch", type=int, help="images of a step; default: that of --overlay")
    parser.add_argument("--workers", type=int, help="processes that load images; default: 12, or the cores but two")
    parser.add_argument("--overlay", default="best-gpu", help="the config, on top of config/best.yaml: its name")
    parser.add_argument("--minutes", type=float, help="start nothing that would end later")
    parser.add_argument("--full", action="store_true", help="every comparison for every model")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--small", action="store_true", help="one tiny model on drawn images: a trial, on a CPU too")
    args = parser.parse_args()
    args.models = args.models or list(MODELS[: 1 if args.small else None])
    args.steps = args.steps or (6 if args.small else 60)
    args.warm = args.warm or args.steps // 3
    if args.workers is None:
        args.workers = 0 if args.small else max(1, min(12, len(os.sched_getaffinity(0)) - 2))
    args.until, args.longest = args.minutes and time.monotonic() + 60 * args.minutes, 0.0
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.exit(2, "error: no GPU found, wanted one; to try the bench on a CPU: --device cpu --small\n")
    if not 0 < args.warm < args.steps:
        parser.exit(2, f"error: --warm {args.warm} found, wanted 1 to {args.steps - 1}, fewer than --steps\n")
    return args


def main():
    args = arguments()
    if args.device == "cpu":
        print("bench-gpu: on a CPU; nothing of this is a figure of a GPU", file=sys.stderr, flush=True)
    else:
        note_card()
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as scratch:
        failed, left = run(args, Path(scratch))
    says = "; ".join([*failed, *(f"left out for time: {name}" for name in left)]) or "all compared, losses equal"
    name = torch.cuda.get_device_name() if args.device == "cuda" else "cpu"
    record("check", name="training beside mmdet's tool", ok=not failed, says=says, small=args.small, device=name)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
