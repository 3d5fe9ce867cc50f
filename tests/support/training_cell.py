"""Command lines of trainings of a very small cell, shared by the tests of training and of prediction."""

import json
import os
import subprocess
import sys

from conftest import ROOT
from support.resolved_configs import MODELS, training

from nuclei.data.conversion import convert
from nuclei.data.raw_layout import read_layout


def writer(folder, drawn):
    """A function that writes the resolved config of a very small cell with changed `training` keys into `folder`."""
    images, _, _ = read_layout(drawn / "dataset", drawn / "test_masks")
    content = convert([i for i in images if i.set == "train"], "exact", "polygon")
    (folder / "train.json").write_text(json.dumps(content))
    one = {**content, "images": content["images"][:1]}
    one["annotations"] = [row for row in content["annotations"] if row["image_id"] == 1]
    (folder / "val.json").write_text(json.dumps(one))
    test = convert([i for i in images if i.set == "test"], "exact")
    (folder / "test.json").write_text(json.dumps(test))

    def write(name, tf32=False, validation=folder / "val.json", gpus=1, **change):
        section = (
            training("demo") | {"epochs": 3, "repeat": 2, "train_scales": [[96, 96], [128, 128]], "warmup": 2} | change
        )
        section["test_scale"] = [128, 128]
        command = [
            sys.executable,
            "scripts/resolve_config.py",
            "--model",
            json.dumps(MODELS["mask_r50"]),
            "--training",
            json.dumps(section),
            "--train",
            str(folder / "train.json"),
            str(drawn / "dataset/train"),
            "--validation",
            str(validation),
            str(drawn / "dataset/train"),
            "--test",
            str(folder / "test.json"),
            str(drawn / "dataset/test"),
            "--polygons",
            *(["--tf32"] if tf32 else []),
            *(["--gpus", str(gpus)] if gpus > 1 else []),
            "--seed",
            "0",
            "--out",
            str(folder / f"{name}.py"),
        ]
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
        return folder / f"{name}.py"

    return write


def command(config, out, work=None, **options):
    """The command line of a training that writes into `out`; options: further ones, as keywords."""
    arguments = [
        sys.executable,
        "scripts/train.py",
        "--config",
        config,
        "--work",
        work or out / "work",
        "--device",
        "cpu",
        "--out-checkpoints",
        out / "checkpoints",
        "--out-epochs",
        out / "epochs.tsv",
        "--out-log",
        out / "log.jsonl",
        "--out-provenance",
        out / "training.json",
    ]
    for name, value in options.items():
        arguments += [f"--{name.replace('_', '-')}", *(value if isinstance(value, list) else [value])]
    return [str(argument) for argument in arguments]


def train(config, out, **options):
    """Run a training to its end; returns the finished process (text)."""
    return subprocess.run(command(config, out, **options), cwd=ROOT, capture_output=True, text=True)


def rows_of(out):
    """Rows of log.jsonl without what depends on the clock."""
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds_per_iter"} for row in rows]


DAMAGED = (
    "damaged or no checkpoint, wanted the cell's weights; remove the folder checkpoints beside it and run again, which "
    "trains what is lost"
)


def cut(path):
    """Keep the first half of a file alone."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    """Flip a bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def with_scripts():
    """Environment variables of a process that imports the library, beside packages that PYTHONPATH names already."""
    path = os.pathsep.join(filter(None, ["scripts", os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


# Runs a stage that gets a signal while its detector looks at the n-th image of a validation.
STRUCK = """
import os, sys, runpy
from mmdet.models.detectors import BaseDetector
number, calls = int(sys.argv[1]), int(sys.argv[2])
original = BaseDetector.forward_test
def struck(self, *arguments, **options):
    global calls
    calls -= 1
    if not calls:
        os.kill(os.getpid(), number)
    return original(self, *arguments, **options)
BaseDetector.forward_test = struck
sys.argv = sys.argv[3:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def struck_in_validation(number, calls, arguments):
    """Run a training's command line, which gets a signal in the validation of its n-th image; the finished process."""
    python, *rest = arguments
    return subprocess.run(
        [python, "-c", STRUCK, str(int(number)), str(calls), *rest],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=with_scripts(),
    )


# Runs a stage with a detector that has no memory left from its n-th call on.
FULL = """
import sys, torch
from mmdet.models.detectors import BaseDetector
name, calls = sys.argv[1], int(sys.argv[2])
original = getattr(BaseDetector, name)
def full(self, *arguments, **options):
    global calls
    calls -= 1
    if calls < 0:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")
    return original(self, *arguments, **options)
setattr(BaseDetector, name, full)
import runpy
sys.argv = sys.argv[3:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def without_memory(method, calls, arguments):
    """Run a stage's command line whose detector fails in `method` after some calls; its error lines."""
    python, *rest = arguments
    done = subprocess.run(
        [python, "-c", FULL, method, str(calls), *map(str, rest)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=with_scripts(),
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("error: ")]
