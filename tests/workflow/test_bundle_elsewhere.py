"""A model bundle in another copy of the project, on which nothing else of its run is: checked, used, trained on."""

import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest
import torch
import yaml
from conftest import ROOT, checkout
from support.model_run import make_cell
from support.tiny import CONFIG, snakemake

from nuclei.common.files import sha256

pytestmark = pytest.mark.commands


@pytest.fixture(scope="module")
def elsewhere(undisturbed, drawn, tmp_path_factory):
    """(a copy of the project with bundle.zip and new images, the cell's weights); the cell itself is gone."""
    cell = make_cell(tmp_path_factory.mktemp("first") / "run", *undisturbed)
    train = cell.parents[3] / "data/annotations/setting1/train.json"
    content = json.loads(train.read_text())
    content["images"][1]["sha256"] = sha256(drawn / "dataset/test/DEMO-04.png")  # as if it were a training image
    train.write_text(json.dumps(content))
    words = [sys.executable, "tools/make_bundle.py", "--cell", str(cell), "--pixel-size", "0.5", "--licence", "CC0 1.0"]
    made = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    weights = torch.load(cell / "checkpoint.pth", weights_only=True)["state_dict"]
    folder = checkout(tmp_path_factory.mktemp("second") / "project")
    shutil.move(cell / "bundle.zip", folder)
    shutil.rmtree(cell.parents[3])
    assert made.stdout.strip().endswith(f"sha256={sha256(folder / 'bundle.zip')}")
    shutil.copytree(drawn / "dataset/test", folder / "new", ignore=shutil.ignore_patterns("*.json"))
    change = {
        "raw": {"draw": None, **{part: {"path": str(drawn / part)} for part in ("dataset", "test_masks")}},
        "models": ["mask_r50"],
        "settings": [1],
        "training": {**CONFIG["training"], "weights": "bundle.zip", "lr": 1e-12},
    }
    (folder / "tiny.yaml").write_text(yaml.safe_dump(CONFIG | change))
    return folder, weights


@pytest.fixture
def environment(elsewhere):
    """With a cache of its own: what the first copy unpacked is not there."""
    return {"XDG_CACHE_HOME": str(elsewhere[0] / "cache")}


def test_the_bundle_finds_nuclei(elsewhere, environment):
    folder = elsewhere[0]
    asked = ("--config", "images=new", "model=bundle.zip", "--", "predict_images")
    done = snakemake(folder, *asked, environment=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    with (folder / "results/images/images.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["image"] for row in rows] == ["DEMO-04.png", "DEMO-05.png"]
    assert all(int(row["nuclei"]) > 0 for row in rows)
    assert "new/DEMO-04.png: the model was trained or validated on it (DEMO-02" in done.stdout + done.stderr


def test_a_training_goes_on_from_it_and_a_leak_is_told(elsewhere, environment):
    folder, weights = elsewhere
    tables = "results/tiny/tables/table1.md"
    done = snakemake(folder, "--", tables, environment=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    own = torch.load(folder / "results/tiny/cells/setting1/mask_r50/seed0/checkpoint.pth", weights_only=True)
    assert own["state_dict"].keys() == weights.keys()
    learned = [name for name, value in weights.items() if value.is_floating_point() and "running" not in name]
    assert len(learned) > 50
    assert all(torch.allclose(own["state_dict"][name], weights[name], atol=1e-6) for name in learned)
    assert "LEAK: test image DEMO-04" in (folder / tables).read_text().replace("\\", "")


class Code:
    """An object whose unpickling runs a command."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def damaged(folder, kind):
    """A copy of the bundle with one kind of damage."""
    path = folder / f"{kind}.zip"
    if kind == "byte":
        content = bytearray((folder / "bundle.zip").read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        return path
    with zipfile.ZipFile(folder / "bundle.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    if kind == "member":
        del files["weights.pth"]
    else:
        buffer = io.BytesIO()
        torch.save({"state_dict": Code(f"touch {folder}/ran"), "meta": {}}, buffer)
        files["weights.pth"] = buffer.getvalue()
        about = json.loads(files["bundle.json"])
        about["files"]["weights.pth"] = hashlib.sha256(files["weights.pth"]).hexdigest()
        files["bundle.json"] = json.dumps(about).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in files.items():
            archive.writestr(name, value)
    return path


@pytest.mark.parametrize("script", ["predict_images", "take_weights"])
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("byte", "byte.zip: damaged (Bad CRC-32"),
        ("member", "member.zip: weights.pth is missing; make the bundle anew"),
        ("code", "holds Python objects, which can run code"),
        ("url", "SHA-256 is "),
    ],
)
def test_damage_is_one_line_before_anything_runs(elsewhere, environment, kind, said, script):
    folder = elsewhere[0]
    bundle = damaged(folder, kind) if kind != "url" else f"file://{folder}/bundle.zip#sha256={'0' * 64}"
    words = {
        "predict_images": ["--model", bundle, "--images", "new", "--device", "cpu", "--out-dir", "out", "--work", "w"],
        "take_weights": ["--bundle", bundle, "--out", "out.pth"],
    }[script]
    command = [sys.executable, "-W", "ignore", f"scripts/{script}.py", *map(str, words)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and said in errors[0], done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "ran").exists()
    assert not list(folder.glob("out/*")) and not (folder / "out.pth").exists()
