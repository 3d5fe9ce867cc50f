"""The manifest of a run folder: what it says, and that it depends on nothing else."""

import json
import shutil
import subprocess
import sys

import pytest
from support.run_folder import CONFIG, MODELS, SEEDS, written

from nuclei.common.files import sha256
from nuclei.common.stage import InputError
from nuclei.workflow.manifest import canonical_sha256, environment, project_version


def test_manifest_says_what_the_folder_holds(made_run):
    found = json.loads((made_run / "manifest.json").read_text())
    cell = "cells/setting1/cascade_r50/seed1"
    # cells, tables in two families, cells.csv, raw.json, an ensemble and its table
    assert len(found["files"]) == 4 * 10 + 8 + 1 + 1 + 4 + 4
    weights = found["files"][f"{cell}/checkpoint.pth"]
    assert weights == found["files"][f"{cell}/checkpoints/epoch_3.pth"]
    assert weights == {"sha256": sha256(made_run / cell / "checkpoint.pth"), "size": 26}
    assert found["cells"][cell] == json.loads((made_run / cell / "training.json").read_text())
    assert list(found["cells"]) == sorted(f"cells/setting1/{m}/seed{s}" for m in MODELS for s in SEEDS)
    assert (found["config"], found["config_sha256"]) == (CONFIG, canonical_sha256(CONFIG))
    raw = sha256(made_run / "data/raw.json")
    assert found["data"] == {"raw": {"dataset": None}, "sha256": canonical_sha256({"data/raw.json": raw})}
    assert not [name for name in found["files"] if name.startswith(("logs", "/", ".", "README"))]


def test_moving_the_folder_or_writing_again_changes_nothing(made_run, tmp_path):
    moved = shutil.copytree(made_run, tmp_path / "moved")
    assert written(moved) == json.loads((made_run / "manifest.json").read_text()) == written(made_run)


def test_canonical_hash_is_that_of_the_sorted_text():
    # printf '{"a":[1,"é"],"b":null}' | sha256sum
    wanted = "1e02bc81a26af2f027329541e97eef36"
    assert canonical_sha256({"b": None, "a": [1, "é"]})[:32] == wanted


def test_environment_and_version(tmp_path):
    found = environment()
    assert found["packages"]["numpy"] == __import__("numpy").__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert project_version(tmp_path) == {"commit": None, "dirty": None}

    def git(*words):
        who = ["-c", "user.name=n", "-c", "user.email=n@n"]
        done = subprocess.run(["git", "-C", tmp_path, *who, *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-qm", "a")
    assert project_version(tmp_path) == {"commit": git("rev-parse", "HEAD")[:12], "dirty": False}
    (tmp_path / "a").write_text("2")
    assert project_version(tmp_path) == {"commit": git("rev-parse", "HEAD")[:12], "dirty": True}


def test_a_result_that_is_not_there_is_named(made_run, tmp_path):
    run = shutil.copytree(made_run, tmp_path / "run")
    shutil.rmtree(run / "cells/setting1/mask_r50/seed1")
    (run / "data/raw.json").unlink()
    with pytest.raises(InputError) as caught:
        written(run)
    wanted = "not found, wanted a result; run the stages before it"
    assert caught.value.problems == [
        f"{run / 'data/raw.json'}: {wanted}",
        f"{run / 'cells/setting1/mask_r50/seed1'}: {wanted}",
    ]
