"""Training: real mmdet on drawn data; resumed equals undisturbed, bit for bit; signals, NaN, locks, checkpoints."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from conftest import ROOT
from mask2coco import convert
from select_checkpoint import read_epochs
from test_cell_config import MODELS, training

from nuclei.raw import read_layout
from nuclei.training import epochs_to_keep


@pytest.fixture(scope="module")
def cell(drawn, tmp_path_factory):
    """A resolved config of a very small cell; returns a function that writes it with changed `training` keys."""
    folder = tmp_path_factory.mktemp("cell")
    images, _, _ = read_layout(drawn / "dataset", drawn / "test_masks")
    content = convert([i for i in images if i.set == "train"], "exact", "polygon")
    (folder / "train.json").write_text(json.dumps(content))
    one = {**content, "images": content["images"][:1]}
    one["annotations"] = [row for row in content["annotations"] if row["image_id"] == 1]
    (folder / "val.json").write_text(json.dumps(one))
    test = convert([i for i in images if i.set == "test"], "exact")
    (folder / "test.json").write_text(json.dumps(test))

    def write(name, **change):
        section = (
            training("demo") | {"epochs": 3, "repeat": 2, "train_scales": [[96, 96], [128, 128]], "warmup": 2} | change
        )
        section["test_scale"] = [128, 128]
        command = [
            sys.executable,
            "scripts/cell_config.py",
            "--model",
            json.dumps(MODELS["mask_r50"]),
            "--training",
            json.dumps(section),
            "--train",
            str(folder / "train.json"),
            str(drawn / "dataset/train"),
            "--validation",
            str(folder / "val.json"),
            str(drawn / "dataset/train"),
            "--test",
            str(folder / "test.json"),
            str(drawn / "dataset/test"),
            "--polygons",
            "--seed",
            "0",
            "--out",
            str(folder / f"{name}.py"),
        ]
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
        return folder / f"{name}.py"

    return write


def command(config, out, work=None, **options):
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
    return subprocess.run(command(config, out, **options), cwd=ROOT, capture_output=True, text=True)


def rows_of(out):
    """Rows of log.jsonl without what depends on the clock."""
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds_per_iter"} for row in rows]


@pytest.fixture(scope="module")
def undisturbed(cell, tmp_path_factory):
    """(config, folder) of a training of three epochs that nothing disturbed; all epochs kept."""
    config, out = cell("plain"), tmp_path_factory.mktemp("undisturbed")
    done = train(config, out, keep_every=1)
    assert done.returncode == 0, done.stderr
    return config, out


def test_outputs(undisturbed):
    _, out = undisturbed
    rows = read_epochs(out / "epochs.tsv")
    assert [(row["epoch"], row["kept"]) for row in rows] == [(1, True), (2, True), (3, True)]
    assert all(0 <= row["ap50_100"] <= 1 and row["ap_100"] <= row["ap50_100"] for row in rows)
    losses = [row["loss"] for row in rows_of(out) if row["mode"] == "train"]
    assert losses[-1] < losses[0]
    provenance = json.loads((out / "training.json").read_text())
    assert (provenance["device"], provenance["epochs"], provenance["versions"]["mmdet"]) == ("cpu", 3, "2.28.2")
    assert sorted(p.name for p in (out / "checkpoints").iterdir()) == ["epoch_1.pth", "epoch_2.pth", "epoch_3.pth"]


def test_only_the_state_holds_the_optimizer(undisturbed):
    _, out = undisturbed
    (last,) = (out / "work").glob("*/last.pth")
    assert "optimizer" in torch.load(last, weights_only=True)
    assert "optimizer" not in torch.load(out / "checkpoints/epoch_3.pth", weights_only=True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1])
def test_stopped_and_resumed_equals_undisturbed(undisturbed, tmp_path, number):
    config, wanted = undisturbed
    process = subprocess.Popen(command(config, tmp_path, keep_every=1), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("work/*/last.pth")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(number)
    errors = process.stderr.read()
    code = process.wait()
    assert code == (-9 if number == signal.SIGKILL else 128 + number), errors
    if number != signal.SIGKILL:
        assert f"stopped by {signal.Signals(number).name}; run again" in errors
        assert "Traceback" not in errors
    assert not (tmp_path / "epochs.tsv").exists()
    done = train(config, tmp_path, keep_every=1)
    assert done.returncode == 0, done.stderr
    assert "resumes after epoch" in done.stderr
    for epoch in (1, 2, 3):
        name = f"checkpoints/epoch_{epoch}.pth"
        assert (tmp_path / name).read_bytes() == (wanted / name).read_bytes()
    assert (tmp_path / "epochs.tsv").read_bytes() == (wanted / "epochs.tsv").read_bytes()
    assert rows_of(tmp_path) == rows_of(wanted)


def test_finished_training_is_not_repeated(undisturbed, tmp_path):
    config, wanted = undisturbed
    done = train(config, tmp_path, work=wanted / "work")
    assert done.returncode == 0
    assert "all 3 epochs are trained already" in done.stderr
    assert (tmp_path / "checkpoints/epoch_3.pth").read_bytes() == (wanted / "checkpoints/epoch_3.pth").read_bytes()


def test_more_epochs_go_on_and_another_rate_starts_beside(cell, tmp_path):
    steps = {"schedule": [9], "validate_every": 0}
    short, long, other = (
        cell("short", epochs=1, **steps),
        cell("long", epochs=2, **steps),
        cell("other", epochs=1, lr=0.01, **steps),
    )
    for config, said in ((short, None), (long, "resumes after epoch 1 of 2"), (other, None)):
        done = train(config, tmp_path)
        assert done.returncode == 0, done.stderr
        assert (said or "resumes") in done.stderr if said else "resumes" not in done.stderr
    assert len(list((tmp_path / "work").iterdir())) == 2


def test_nan_is_one_clear_error(cell, tmp_path):
    done = train(cell("nan", lr=1e30, clip=None, warmup=1), tmp_path)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "loss is " in line
    assert "lower training.lr" in line
    assert "Traceback" not in done.stderr


def test_second_training_in_the_same_folder_is_refused(undisturbed, tmp_path):
    config, wanted = undisturbed
    (folder,) = (wanted / "work").iterdir()
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = train(config, tmp_path, work=wanted / "work")
    assert done.returncode == 2
    assert "another training works here" in done.stderr


def test_mixed_precision_on_a_cpu_is_one_line(cell, tmp_path):
    done = train(cell("fp16", precision="fp16", accumulate=2), tmp_path)
    assert done.returncode == 2
    assert "error: training.precision: fp16 asked for on a CPU, wanted a GPU; set it to fp32" in done.stderr


def test_missing_gpu_is_named(undisturbed, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    arguments = command(undisturbed[0], tmp_path)
    arguments[arguments.index("cpu")] = "cuda"
    done = subprocess.run(
        arguments, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    )
    assert done.returncode == 2
    assert "cuda asked for, torch finds 0 GPUs" in done.stderr


def test_prediction_follows_the_checkpoint(undisturbed, stage, tmp_path):
    config, wanted = undisturbed
    for name in ("one", "two"):
        done = stage(
            "predict",
            "--config",
            config,
            "--checkpoint",
            wanted / "checkpoints/epoch_3.pth",
            "--device",
            "cpu",
            "--out",
            tmp_path / f"{name}.json",
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    rows = json.loads((tmp_path / "one.json").read_text())
    assert {row["image_id"] for row in rows} <= {1, 2}
    assert all(row["segmentation"]["size"] == [128, 128] for row in rows)


def test_checkpoint_of_another_model_is_refused(undisturbed, cell, stage, tmp_path):
    done = stage(
        "predict",
        "--config",
        cell("wider", width=0.25),
        "--checkpoint",
        undisturbed[1] / "checkpoints/epoch_3.pth",
        "--device",
        "cpu",
        "--out",
        tmp_path / "p.json",
    )
    assert done.returncode == 2
    assert "does not fit the cell's config.py" in done.stderr


def table(*scores):
    return [{"epoch": at, "a": a, "b": b} for at, (a, b) in enumerate(scores, 1)]


@pytest.mark.parametrize(
    ("best", "every", "wanted"),
    [(1, 0, {1, 3, 4}), (2, 0, {1, 2, 3, 4}), (0, 0, {4}), (0, 2, {2, 4}), (1, 3, {1, 3, 4})],
)
def test_which_checkpoints_are_kept(best, every, wanted):
    rows = table((0.9, 0.1), (0.5, 0.2), (0.4, 0.3), (None, None))
    assert epochs_to_keep(rows, best, ["a", "b"], every) == wanted


def test_ties_keep_the_earlier_epoch():
    assert epochs_to_keep(table((0.5, 0), (0.5, 0), (0.1, 0)), 1, ["a"], 0) == {1, 3}
