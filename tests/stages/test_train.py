"""Training: real mmdet on drawn data; resumed equals undisturbed, bit for bit; signals, NaN, GPU switches, locks."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest
import torch
from conftest import ROOT
from support.training_cell import command, cut, flip, rows_of, struck_in_validation, train, without_memory

from nuclei.training.selection import read_epochs


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


def assert_equal_outputs(found, wanted):
    """All that a training of three epochs leaves is equal byte for byte, but for times of the clock."""
    for name in [f"checkpoints/epoch_{epoch}.pth" for epoch in (1, 2, 3)] + ["epochs.tsv"]:
        assert (found / name).read_bytes() == (wanted / name).read_bytes()
    assert rows_of(found) == rows_of(wanted)


def test_stopped_and_resumed_equals_undisturbed(undisturbed, tmp_path):
    config, wanted = undisturbed
    process = subprocess.Popen(command(config, tmp_path, keep_every=1), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("work/*/validation/epoch_1.json")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGUSR1)
    errors = process.stderr.read()
    assert process.wait() == 128 + signal.SIGUSR1, errors
    assert "stopped by SIGUSR1; run again" in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "epochs.tsv").exists()
    done = train(config, tmp_path, keep_every=1)
    assert done.returncode == 0, done.stderr
    assert "resumes after epoch" in done.stderr
    assert_equal_outputs(tmp_path, wanted)


@pytest.mark.parametrize(("number", "epoch"), [(signal.SIGKILL, 2), (signal.SIGTERM, 3)])
def test_a_stop_in_validation_loses_no_training(undisturbed, tmp_path, number, epoch):
    """The epoch is validated, with the same scores, before the next one begins; it is not trained again."""
    config, wanted = undisturbed
    done = struck_in_validation(number, epoch, command(config, tmp_path, keep_every=1))
    assert done.returncode == (-number if number == signal.SIGKILL else 128 + number), done.stderr
    assert "Traceback" not in done.stderr
    (work,) = (tmp_path / "work").iterdir()
    assert torch.load(work / "last.pth", weights_only=True)["meta"]["epoch"] == epoch
    assert not (work / f"validation/epoch_{epoch}.json").exists()
    assert not (tmp_path / "epochs.tsv").exists()
    done = train(config, tmp_path, keep_every=1)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if re.search(r": (resumes|all|validation) |/3: ", line)]
    assert f"epoch {epoch}/3: validation ap50_100" in said[0]
    assert ("resumes after epoch 2 of 3" if epoch == 2 else "all 3 epochs are trained already") in said[1]
    assert_equal_outputs(tmp_path, wanted)


def test_finished_training_is_not_repeated(undisturbed, tmp_path):
    config, wanted = undisturbed
    found = []
    for _ in range(2):
        done = train(config, tmp_path, work=wanted / "work", keep_every=1)
        assert done.returncode == 0
        assert "all 3 epochs are trained already" in done.stderr
        found.append((tmp_path / "training.json").read_text())
        (tmp_path / "checkpoints/mark").touch()
    assert (tmp_path / "checkpoints/epoch_3.pth").read_bytes() == (wanted / "checkpoints/epoch_3.pth").read_bytes()
    # outputs that are there stay as they are: a process that waited comes after the one that it waited for
    assert found[0] == found[1]
    (tmp_path / "epochs.tsv").unlink()
    assert train(config, tmp_path, work=wanted / "work", keep_every=1).returncode == 0
    assert (tmp_path / "epochs.tsv").read_bytes() == (wanted / "epochs.tsv").read_bytes()
    assert not (tmp_path / "checkpoints/mark").exists()


def test_provenance_names_the_code_that_trained(undisturbed, tmp_path):
    config, wanted = undisturbed
    shutil.copytree(wanted / "work", tmp_path / "work")
    (last,) = tmp_path.glob("work/*/last.pth")
    state = torch.load(last, weights_only=True)
    (known,) = {epoch["code_version"] for epoch in state["meta"]["nuclei"]["epochs"]}
    assert known == json.loads((wanted / "training.json").read_text())["code_version"]
    state["meta"]["nuclei"]["epochs"][-1]["code_version"] = "older"
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
    rounded = train(cell("rounded", tf32=True, epochs=1, **steps), tmp_path)
    assert rounded.returncode == 0, rounded.stderr
    assert "are trained already" not in rounded.stderr
    assert json.loads((tmp_path / "training.json").read_text())["tf32_matmul"]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("keep_metrics", ["ap50_100", "ap50"], "argument --keep-metrics: invalid choice: 'ap50' (choose from"),
        ("keep_best", -1, "argument --keep-best: '-1' found, wanted a whole number from 0 on"),
        ("keep_every", "two", "argument --keep-every: 'two' found, wanted a whole number from 0 on"),
    ],
)
def test_a_wrong_value_of_what_is_kept_is_one_clear_error_before_work(tmp_path, option, value, said):
    done = train(tmp_path / "config.py", tmp_path, **{option: value})
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if "error: " in line]
    assert said in line
    assert list(tmp_path.iterdir()) == []


def test_nan_is_one_clear_error(cell, tmp_path):
    done = train(cell("nan", lr=1e30, clip=None, warmup=1), tmp_path)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "loss is " in line
    assert "lower training.lr" in line
    assert "Traceback" not in done.stderr


def test_training_needs_no_git(cell, tmp_path):
    arguments = command(cell("one_epoch", epochs=1), tmp_path, keep_every=1)
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "training.json").read_text())["code_version"] == "unknown"


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
    assert_equal_outputs(tmp_path, wanted)
    kept = {f"epoch_{epoch}.pth" for epoch in (1, 2, 3)} | {
        "last.pth",
        "previous.pth",
        "log.jsonl",
        "lock",
        "validation",
    }
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
