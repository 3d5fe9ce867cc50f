"""The demo's workflow by Snakemake with jobs that ask for a GPU, on very small data; make test-gpu."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from support.tiny import CONFIG

from gpu.devices import CARD, device_of
from gpu.records import record

LEFT_OUT = {".git", ".venv", ".snakemake", "results", "work", "data"}  # of the project's own folder
MODELS = ["mask_r50", "pointrend_r50"]


@pytest.mark.parametrize("on", [CARD])
def test_the_demo_s_jobs_ask_for_the_card_and_train_on_it(on, tmp_path, records_apart):
    device = device_of(on)
    if importlib.util.find_spec("snakemake") is None:
        reason = "Snakemake is not installed here, so no workflow can run; the stages ran without it"
        record("check", name="a whole run", ok=None, says=reason, device=device.type)
        pytest.skip(reason)
    project = tmp_path / "project"
    shutil.copytree(
        ROOT, project, ignore=lambda folder, names: LEFT_OUT & {*names} if Path(folder) == ROOT else ()
    )  # without git, which a machine with a card may lack
    change = {"run": "card", "models": MODELS, "settings": [1], "compute": {"device": device.type}}
    (project / "card.yaml").write_text(yaml.safe_dump({**CONFIG, **change, "model_options": {}}))
    words = ["--cores", "4", "--resources", "gpu=1", "--configfile", "config/demo.yaml", "card.yaml"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words], cwd=project, env=os.environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-5000:]
    result = project / "results/card"
    found = {
        model: json.loads((result / f"cells/setting1/{model}/seed0/training.json").read_text()) for model in MODELS
    }
    devices = {trained["device"] for trained in found.values()}
    assert (devices == {"cpu"}) == (device.type == "cpu")
    assert (result / "tables/table1.md").is_file()
    logs = [result / f"logs/setting1.{model}.seed0.{name}.log" for model in MODELS for name in ("train", "predict")]
    for said in map(Path.read_text, logs) if device.type == "cuda" else ():
        assert "computes on cuda:0" in said
        assert "no free GPU" not in said  # Snakemake gave the card to one job at a time
    record("check", name="a whole run", ok=True, says=f"{len(found)} cells on {', '.join(devices)}", device=device.type)
