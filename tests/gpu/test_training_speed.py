"""make bench-gpu, on a CPU: all of its code runs, losses equal those of mmdet's tool, and it says that it is a CPU."""

import json
import sys
from argparse import Namespace
from pathlib import Path
from tempfile import mkdtemp

import pytest
from bench import training
from bench.rows import WrongResult

from gpu import bench
from gpu.clock import PARTS
from gpu.records import FILE


def read(file):
    """The records of a file."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_the_whole_bench_on_a_cpu(tmp_path, monkeypatch):
    monkeypatch.setenv(FILE, str(tmp_path / "records.jsonl"))
    monkeypatch.setattr(bench, "COMPARED", bench.COMPARED[:1])
    words = "--device cpu --small --models mask_r50 --steps 4 --warm 2 --batch 1"
    monkeypatch.setattr(sys, "argv", ["bench", *words.split()])
    with pytest.raises(SystemExit) as done:
        bench.main()
    *where, speed, check = read(tmp_path / "records.jsonl")
    assert done.value.code == 0, check
    assert [(row["kind"], row["side"], row["part"]) for row in where] == [
        ("where", side, part) for side in ("mmdet", "ours") for part in PARTS
    ]
    assert all(row["seconds"] > 0 and row["device"] == "cpu" for row in where)
    assert (speed["kind"], speed["precision"], speed["aim"], speed["equal"]) == ("speed", "fp32", 1.0, True)
    assert speed["losses"].startswith("mean loss of 4 steps ") and "all losses of 3 steps to" in speed["losses"]
    assert speed["switches"] == ["channels last"]  # the others are for GPUs
    assert [row["switches"] for row in where] == [[]] * len(PARTS) + [["channels last"]] * len(PARTS)
    assert speed["ratio"] == pytest.approx(speed["steps_per_second"] / speed["reference_steps_per_second"])
    for side in ("mmdet", "ours"):  # the parts are the whole step
        whole = sum(row["seconds"] for row in where if row["side"] == side)
        key = "steps_per_second" if side == "ours" else "reference_steps_per_second"
        assert 1 / whole == pytest.approx(speed[key])
    assert (speed["height"], speed["width"], speed["batch"], speed["device"], speed["small"]) == (
        64,
        64,
        1,
        "cpu",
        True,
    )
    assert check["ok"] and check["says"] == "all compared, losses equal"


def test_packages_may_lie_in_a_folder_that_pythonpath_names(monkeypatch, tmp_path):
    """As in the check of a GPU, which installs nothing into the machine's own Python."""
    seen = []
    monkeypatch.setattr(training, "run", lambda *_, PYTHONPATH, **__: seen.append(PYTHONPATH.split(":")))
    (tmp_path / "steps.json").write_text("[]")
    for given, wanted in (("/kit/site", ["/kit/site"]), ("", [])):
        monkeypatch.setenv("PYTHONPATH", given)
        training.clocked(tmp_path / "steps.json", "train.py")
        assert seen.pop()[2:] == wanted


def found(loss=2.0, seconds=0.1):
    """What the clock writes of a training."""
    parts = dict.fromkeys(PARTS, seconds / 5)
    steps = [{"losses": {"loss": loss}}] * 4
    return {
        "seconds": seconds,
        "parts": parts,
        "steps": steps,
        "device": "made up",
        "peak_memory_gb": 1.0,
        "switches": [],
    }


@pytest.fixture
def made_up(monkeypatch, tmp_path):
    """Trainings that are made up, as on a card; returns (run(), calls, records so far)."""
    calls = []

    def trained(config, folder, device, WITHOUT="", **variables):
        folder.mkdir()
        calls.append((training.Config.fromfile(str(config)), WITHOUT, variables))
        return found(2.2 if calls[-1][0].get("precision") == "bf16" and WITHOUT else 2.0, 0.05)

    def by_tool(config, folder, **variables):
        folder.mkdir()
        calls.append((training.Config.fromfile(str(config)), None, variables))
        return found()

    monkeypatch.setenv(FILE, str(tmp_path / "records.jsonl"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setattr(training, "trained", trained)
    monkeypatch.setattr(training, "by_tool", by_tool)
    monkeypatch.setattr(bench, "count_model", lambda config, sizes: ({sizes[0]: 5e9}, 1))
    args = dict(models=["mask_r50"], data=None, steps=4, warm=2, batch=1, workers=0, full=False, device="cuda")
    args |= dict(small=True, until=None, longest=0.0, overlay="best-gpu")
    return (
        lambda **change: bench.run(Namespace(**args | change), Path(mkdtemp(dir=tmp_path))),
        calls,
        lambda: [row for row in read(tmp_path / "records.jsonl") if row["kind"] == "speed"],
    )


def test_every_comparison_of_a_card(made_up):
    run, calls, speeds = made_up
    failed, left = run()
    assert (len(failed), left) == (3, [])  # the made-up trainings without a switch have another loss
    assert failed[0] == "mask_r50, bf16, without channels last: other losses than mmdet's"
    rows = speeds()
    assert [row["aim"] for row in rows] == [1.0, 1.5, None, 1.0, 1.0, None, None, None, None]
    assert [row["equal"] for row in rows] == [True] * 6 + [False] * 3
    assert {(row["ratio"], row["gflops"]) for row in rows} == {(2.0, 5.0)}
    assert rows[2]["reference"] == "mmdet's tools/train.py, fp32 as torch sets it, TF32 in convolutions"
    assert [without for _, without, _ in calls][-3:] == ["channels last", "pinned batches", "fused steps"]
    # mmdet's in fp32, as it comes, fp16; ours in fp32, bf16, tf32, fp16, with cudnn.benchmark, without each switch
    assert sum(without is None for _, without, _ in calls) == 3 and len(calls) == 3 + 8
    (plain, _, strict), (same, _, also) = calls[:2]
    assert strict == also == {"NVIDIA_TF32_OVERRIDE": "0", "CUDA_VISIBLE_DEVICES": "3"}
    assert plain._cfg_dict == same._cfg_dict
    assert all(
        config.get("tf32", False) is bool(without is not None and number > 1)
        for number, (config, without, _) in enumerate(calls)
    )
    assert [config.get("cudnn_benchmark", False) for config, _, _ in calls].count(True) == 1


def test_what_fails_and_what_there_is_no_time_for(made_up, monkeypatch, tmp_path):
    run, calls, _ = made_up

    def fail(config, folder, **variables):
        folder.mkdir()
        calls.append(folder)
        raise WrongResult("out of memory")

    monkeypatch.setattr(training, "by_tool", fail)
    failed, left = run()
    assert failed[0] == "mask_r50, fp32: out of memory" and len(failed) == len(bench.COMPARED)
    assert len(calls) == 3 and not (tmp_path / "records.jsonl").exists()  # each of mmdet's once
    failed, left = run(until=bench.time.monotonic() - 1)
    assert failed == [] and left[:2] == ["mask_r50, fp32", "mask_r50, bf16"] and len(left) == len(bench.COMPARED)


def test_without_a_gpu_it_says_so_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(bench.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["bench"])
    with pytest.raises(SystemExit) as done:
        bench.main()
    assert done.value.code == 2
    line = "error: no GPU found, wanted one; to try the bench on a CPU: --device cpu --small\n"
    assert capsys.readouterr().err == line
    monkeypatch.setattr(sys, "argv", ["bench", "--device", "cpu", "--steps", "5", "--warm", "5"])
    with pytest.raises(SystemExit):
        bench.main()
    assert capsys.readouterr().err == "error: --warm 5 found, wanted 1 to 4, fewer than --steps\n"
