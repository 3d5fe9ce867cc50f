"""train_on_gpu.py: its command lines are those of Snakemake's own plan, and they lead from drawn data to scores."""

import argparse
import json
import shlex
import shutil
import subprocess
import sys

import pytest
import train_on_gpu
import yaml
from conftest import ROOT, checkout
from support.tiny import snakemake

from nuclei.common.stage import InputError

MINUTES = 0.03


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project in an empty folder, with tiles, so that all rules are there."""
    folder = checkout(tmp_path_factory.mktemp("project"))
    (folder / "tests/gpu").mkdir(parents=True)
    for path in (ROOT / "tests/gpu").glob("*.py"):
        shutil.copy(path, folder / "tests/gpu")
    change = {
        "tiles": {"size": 64, "stride": 32, "min_area": 9},
        "inference": {"views": 2, "soft_nms": True, "border": 0.7, "window": 90, "overlap": 8},
        "checkpoints": {"every": 2},
        "scoring": {"instances": False},
    }
    train_on_gpu.merge(change, train_on_gpu.SMALL)
    train_on_gpu.merge(change, {"settings": [1], "training": {"epochs": None, "minutes": MINUTES}})
    (folder / "small.yaml").write_text(yaml.safe_dump(change))
    return folder


def given(*configs, raw=None):
    """Arguments of the tool."""
    return argparse.Namespace(small=False, configs=configs, raw=raw, minutes=None, settings=[1], device=None)


def words(command):
    """Script and arguments of a stage's command line, without its log."""
    return shlex.split(command.split("python scripts/")[1].replace(".py ", " ", 1).split(" > ")[0].split(" 2>")[0])


def test_command_lines_are_those_of_snakemake(project, monkeypatch):
    monkeypatch.chdir(project)
    done = snakemake(project, "-n", "-p", config="small.yaml")
    assert done.returncode == 0, done.stderr
    wanted = [words(line) for line in done.stdout.splitlines() if "python scripts/" in line]
    args = given("config/demo.yaml", "small.yaml")
    config, catalogue = train_on_gpu.whole_config(args)
    cell = (1, "mask_r50", 0)
    found = train_on_gpu.data_commands(config, 2) + [train_on_gpu.resolve_command(config, catalogue, *cell)]
    found += train_on_gpu.cell_commands(config, *cell)
    for command in map(shlex.split, found):
        same = [line for line in wanted if line[0] == command[0]]
        assert command in same, (command, same)
    missing = {line[0] for line in wanted} - {shlex.split(command)[0] for command in found}
    # what neither trains nor scores
    assert {
        name for name in missing if name.startswith(("convert", "cut", "make_split", "train", "predict", "score"))
    } == set()


def test_from_drawn_data_to_scores(project):
    command = [sys.executable, "tools/train_on_gpu.py", "--device", "cpu", "--small", "--minutes", str(MINUTES)]
    done = subprocess.run([*command, "--threads", "1", "--out", "out"], cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (project / "work/gpu/records.jsonl").read_text().splitlines()]
    assert [row["kind"] for row in rows] == ["training", "score"]
    training, score = rows
    cell = project / "out/cells/setting1/mask_r50/seed0"
    known = json.loads((cell / "training.json").read_text())
    assert (training["config"], training["minutes"], training["device"]) == ("demo", MINUTES, "cpu")
    assert (training["epochs"], training["steps"]) == (known["epochs"], known["iterations"])
    assert training["minutes_used"] == known["minutes_used"] > 0
    assert known["epochs"] == len((cell / "epochs.tsv").read_text().splitlines()) - 1
    scores = json.loads((cell / "scores.json").read_text())
    assert (score["map_report"], score["images"]) == (scores["map_report"], 2)
    assert not list((project / "out").rglob("*.pth"))


def test_what_it_does_not_do_is_said_before_any_work(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    with pytest.raises(InputError, match="config: raw.dataset.path .*none not found"):
        train_on_gpu.whole_config(given(*train_on_gpu.CONFIGS, raw=str(tmp_path / "none")))
    with pytest.raises(InputError, match="--configs: published weights, folds or classes found, wanted none"):
        train_on_gpu.whole_config(given("config/best.yaml", "config/best-gpu.yaml", raw=str(tmp_path)))
