"""Training: real mmdet on drawn data; resumed equals undisturbed, bit for bit; signals, NaN, GPU switches, locks."""

import fcntl
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from conftest import ROOT
from mask2coco import convert
from mmcv import Config
from mmcv.runner import EpochBasedRunner, Fp16OptimizerHook
from select_checkpoint import read_epochs
from test_cell_config import MODELS, training

from nuclei.raw import read_layout
from nuclei.training import EpochEnd, WithinEpoch, epochs_to_keep


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
    assert (provenance["precision"], provenance["tf32_matmul"], provenance["tf32_cudnn"]) == ("fp32", False, False)
    assert {"cudnn", "cudnn_benchmark", "cudnn_deterministic"} <= provenance.keys()
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
    found = []
    for _ in range(2):
        done = train(config, tmp_path, work=wanted / "work")
        assert done.returncode == 0
        assert "all 3 epochs are trained already" in done.stderr
        found.append((tmp_path / "training.json").read_text())
        (tmp_path / "checkpoints/mark").touch()
    assert (tmp_path / "checkpoints/epoch_3.pth").read_bytes() == (wanted / "checkpoints/epoch_3.pth").read_bytes()
    # outputs that are there stay as they are: a process that waited comes after the one that it waited for
    assert found[0] == found[1]
    (tmp_path / "epochs.tsv").unlink()
    assert train(config, tmp_path, work=wanted / "work").returncode == 0
    assert (tmp_path / "epochs.tsv").read_bytes() == (wanted / "epochs.tsv").read_bytes()
    assert not (tmp_path / "checkpoints/mark").exists()


def test_provenance_names_the_code_that_trained(undisturbed, tmp_path):
    config, wanted = undisturbed
    shutil.copytree(wanted / "work", tmp_path / "work")
    (last,) = tmp_path.glob("work/*/last.pth")
    state = torch.load(last, weights_only=True)
    assert state["meta"]["nuclei"]["code_version"] == json.loads((wanted / "training.json").read_text())["code_version"]
    state["meta"]["nuclei"]["code_version"] = "older"
    torch.save(state, last)
    assert train(config, tmp_path).returncode == 0
    assert json.loads((tmp_path / "training.json").read_text())["code_version"] == "older"


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
    rounded = subprocess.run([*command(short, tmp_path), "--tf32"], cwd=ROOT, capture_output=True, text=True)
    assert rounded.returncode == 0, rounded.stderr
    assert "are trained already" not in rounded.stderr
    assert json.loads((tmp_path / "training.json").read_text())["tf32_matmul"]


def test_nan_is_one_clear_error(cell, tmp_path):
    done = train(cell("nan", lr=1e30, clip=None, warmup=1), tmp_path)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "loss is " in line
    assert "lower training.lr" in line
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("stop", [False, True])
def test_second_training_in_the_same_folder_waits_for_the_first(undisturbed, tmp_path, stop):
    config, wanted = undisturbed
    (folder,) = (wanted / "work").iterdir()
    with (folder / "lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = subprocess.Popen(
            command(config, tmp_path, work=wanted / "work"), cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        for line in second.stderr:
            if line.startswith("train: another training (process "):
                break
        assert line.endswith(f"works in {folder}: waits for it\n")
        assert second.poll() is None
        if stop:
            second.terminate()
            assert second.wait() == 128 + signal.SIGTERM
    assert stop or second.wait() == 0
    assert (tmp_path / "training.json").exists() is not stop
    second.stderr.close()


DAMAGED = (
    "damaged or no checkpoint, wanted the cell's weights; remove the folder checkpoints beside it and run again, which "
    "trains what is lost"
)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "names", "said"),
    [
        (cut, ["last"], "resumes after epoch 2 of 3"),
        (flip, ["last"], "resumes after epoch 2 of 3"),
        (cut, ["epoch_3"], "resumes after epoch 2 of 3"),
        (cut, ["epoch_1"], "no state is left to go on from: starts anew"),
        (cut, ["last", "previous"], "no state is left to go on from: starts anew"),
    ],
)
def test_damaged_checkpoints_are_made_again(undisturbed, tmp_path, damage, names, said):
    config, wanted = undisturbed
    shutil.copytree(wanted / "work", tmp_path / "work")
    (work,) = (tmp_path / "work").iterdir()
    for name in names:
        damage(work / f"{name}.pth")
    (work / ".last.pth.0123abcd.pth").write_bytes(b"half")  # left by a kill
    done = train(config, tmp_path, keep_every=1)
    assert done.returncode == 0, done.stderr
    assert said in done.stderr
    assert "mmcv - INFO" not in done.stderr
    for name in names:
        assert f"{work / name}.pth is damaged and removed" in done.stderr
    for name in [f"checkpoints/epoch_{epoch}.pth" for epoch in (1, 2, 3)] + ["epochs.tsv"]:
        assert (tmp_path / name).read_bytes() == (wanted / name).read_bytes()
    assert rows_of(tmp_path) == rows_of(wanted)
    kept = {f"epoch_{epoch}.pth" for epoch in (1, 2, 3)} | {"last.pth", "previous.pth", "log.jsonl", "lock"}
    assert {path.name for path in work.iterdir()} == kept


def test_disk_full_while_a_checkpoint_is_written_is_one_line_and_loses_nothing(undisturbed, tmp_path):
    """A tmpfs with room for one epoch's files and half the next one's; then with room for all."""
    config, wanted = undisturbed
    work = tmp_path / "work"
    work.mkdir()
    size = {path.name: path.stat().st_size for path in (wanted / "work").glob("*/*.pth")}
    room = int(2.5 * size["last.pth"] + size["epoch_1.pth"])
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}", "none", work], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a tmpfs wants root")
    try:
        done = train(config, tmp_path, keep_every=1)
        assert done.returncode == 2, done.stderr
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert re.search(r"(epoch_\d|last)\.pth: no space left on the disk; free some and run again$", line), line
        assert "Traceback" not in done.stderr
        assert not [path for path in work.glob("*/.*.pth")]
        subprocess.run(["mount", "-o", "remount,size=1g", work], check=True)
        done = train(config, tmp_path, keep_every=1)
        assert done.returncode == 0, done.stderr
        assert "resumes after epoch" in done.stderr
        for name in [f"checkpoints/epoch_{epoch}.pth" for epoch in (1, 2, 3)] + ["epochs.tsv"]:
            assert (tmp_path / name).read_bytes() == (wanted / name).read_bytes()
    finally:
        subprocess.run(["umount", work], check=True)


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
        assert "mmcv - INFO" not in done.stderr
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    rows = json.loads((tmp_path / "one.json").read_text())
    assert {row["image_id"] for row in rows} <= {1, 2}
    assert all(row["segmentation"]["size"] == [128, 128] for row in rows)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut, DAMAGED),
        (flip, DAMAGED),
        (
            lambda path: torch.save({"state_dict": {}, "meta": {"when": time.struct_time(range(9))}}, path),
            "holds Python objects, which can run code, wanted tensors alone; if you trust its source, name it by its "
            "SHA-256 and pass it through scripts/fetch_weights.py",
        ),
    ],
)
def test_damaged_checkpoints_and_pickled_code_are_refused(undisturbed, stage, tmp_path, spoil, said):
    config, wanted = undisturbed
    path = tmp_path / "checkpoint.pth"
    shutil.copy(wanted / "checkpoints/epoch_3.pth", path)
    spoil(path)
    done = stage("predict", "--config", config, "--checkpoint", path, "--device", "cpu", "--out", tmp_path / "p.json")
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ")] == [f"error: {path}: {said}"]
    assert not (tmp_path / "p.json").exists()


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


@pytest.fixture(scope="module")
def accumulated(cell, tmp_path_factory):
    """(config, folder) of an undisturbed training with accumulated gradients and an odd number of iterations."""
    config, out = cell("accumulated", accumulate=2, epochs=2, validate_every=0), tmp_path_factory.mktemp("accumulated")
    done = train(config, out, keep_every=1)
    assert done.returncode == 0, done.stderr
    assert max(row["iter"] for row in rows_of(out)) % 2 == 1
    return config, out


def test_accumulated_gradients_do_not_cross_epochs(accumulated, tmp_path):
    config, wanted = accumulated
    process = subprocess.Popen(command(config, tmp_path, keep_every=1), cwd=ROOT, stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob("work/*/last.pth")) and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    done = train(config, tmp_path, keep_every=1)
    assert "resumes after epoch 1 of 2" in done.stderr
    for epoch in (1, 2):
        name = f"checkpoints/epoch_{epoch}.pth"
        assert (tmp_path / name).read_bytes() == (wanted / name).read_bytes()


class Line(torch.nn.Module):
    """A model of two weights whose loss is a mean over its batch."""

    def __init__(self):
        super().__init__()
        self.weights = torch.nn.Parameter(torch.tensor([1.0, -2.0]))

    def train_step(self, batch, _optimizer):
        loss = ((batch @ self.weights - 1) ** 2).mean()
        return {"loss": loss, "log_vars": {"loss": loss.item()}, "num_samples": len(batch)}


def fit(batch, epochs=2, **hook):
    """Weights after each epoch of Line on five rows, through mmcv's loop and the optimizer hook of a config."""
    rows = torch.arange(10, dtype=torch.float64).reshape(5, 2) / 10
    model, after = Line().double(), []
    runner = EpochBasedRunner(
        model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        logger=logging.getLogger("fit"),
        meta={},
        max_epochs=epochs,
    )
    runner.register_optimizer_hook({"grad_clip": None, **hook})
    runner.call_hook("before_run")
    for _ in range(epochs):
        runner.train(torch.utils.data.DataLoader(rows, batch_size=batch))
        after.append(model.weights.detach().clone())
    return after


def test_accumulated_steps_equal_those_of_larger_batches(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    large = fit(2)
    small = fit(1, type="GradientCumulativeOptimizerHook", cumulative_iters=2)
    for one, other in zip(large, small, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


@pytest.mark.parametrize("accumulate", [None, 2])
def test_mixed_precision_is_built_from_the_config(cell, accumulate):
    """mmdet hands optimizer_config to mmcv as it stands; the hook wraps the model and reads its loss scale back."""
    config = Config.fromfile(cell("half", precision="fp16", accumulate=accumulate))
    model = torch.nn.Module()
    model.fp16_enabled = False
    runner = EpochBasedRunner(
        model,
        optimizer=None,
        logger=logging.getLogger("half"),
        max_epochs=1,
        batch_processor=print,
        meta={"fp16": {"loss_scaler": torch.amp.GradScaler("cpu", init_scale=4.0).state_dict()}},
    )
    runner.register_optimizer_hook(config.optimizer_config)
    (hook,) = runner.hooks
    assert isinstance(hook, Fp16OptimizerHook)
    assert isinstance(hook, WithinEpoch) is bool(accumulate)
    hook.loss_scaler = torch.amp.GradScaler("cpu")  # a GPU's scaler is switched off here
    runner.call_hook("before_run")
    assert model.fp16_enabled
    assert hook.loss_scaler.state_dict()["scale"] == 4.0


def test_mixed_precision_on_a_cpu_is_one_clear_error(cell, undisturbed, stage, tmp_path):
    config = cell("half", precision="fp16")
    trained = train(config, tmp_path)
    weights = undisturbed[1] / "checkpoints/epoch_3.pth"
    found = stage(
        "predict", "--config", config, "--checkpoint", weights, "--device", "cpu", "--out", tmp_path / "p.json"
    )
    for done in (trained, found):
        assert done.returncode == 2
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert line.startswith("error: training.precision: fp16 asked for on a CPU, wanted a GPU")


def test_the_loss_scale_lives_in_the_state(cell, tmp_path):
    """EpochEnd keeps what mmcv's fp16 hook left in the runner's meta; mmcv loads it again without pickled code."""
    validation = Config.fromfile(cell("plain")).data.val.to_dict()
    hook = EpochEnd(tmp_path, validation, {"best": 0, "metrics": [], "every": 0}, "cell", every=0)
    model = Line()
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0).state_dict()
    runner = EpochBasedRunner(
        model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        logger=logging.getLogger("state"),
        meta={"fp16": {"loss_scaler": scaler}},
        max_epochs=2,
    )
    hook.after_train_epoch(runner)
    runner.meta = {}
    runner.resume(str(tmp_path / "last.pth"))
    assert runner.meta["fp16"]["loss_scaler"] == scaler
    assert torch.load(tmp_path / "last.pth", weights_only=True)["meta"]["fp16"]["loss_scaler"] == scaler
    assert runner.epoch == 1


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
        env={**os.environ, "PYTHONPATH": "scripts"},
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("error: ")]


def test_no_memory_in_training_names_the_batch_and_keeps_the_state(undisturbed, tmp_path):
    config, wanted = undisturbed
    (line,) = without_memory("train_step", 4, command(config, tmp_path, label="cell", keep_every=1))
    assert re.match(
        r"error: cell: out of GPU memory at epoch 2, iteration 2, \S+\.png \(\d+ nuclei\), \S+\.png \(\d+ nuclei\) "
        r"\(CUDA out of memory. Tried to allocate 9 GiB\), wanted more; set training.checkpointing, lower "
        r"training.gpu_assign_thr, set training.batch to 1 with training.accumulate, or training.precision to fp16; "
        r"the last finished epoch is kept$",
        line,
    ), line
    (last,) = tmp_path.glob("work/*/last.pth")
    assert torch.load(last, weights_only=True)["meta"]["epoch"] == 1
    assert (last.parent / "epoch_1.pth").read_bytes() == (wanted / "checkpoints/epoch_1.pth").read_bytes()


def test_no_memory_in_prediction_names_the_image(undisturbed, tmp_path):
    config, wanted = undisturbed
    arguments = ["scripts/predict.py", "--config", config, "--checkpoint", wanted / "checkpoints/epoch_3.pth"]
    arguments += ["--device", "cpu", "--label", "cell", "--out", tmp_path / "p.json"]
    (line,) = without_memory("forward_test", 1, [sys.executable, *arguments])
    assert re.match(r"error: cell image \S+\.png, 128x128 px: out of GPU memory \(CUDA out of memory. Tried", line), (
        line
    )
    assert not (tmp_path / "p.json").exists()


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
