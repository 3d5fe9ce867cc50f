"""A whole run folder of two models and two seeds, made by the real stages."""

import json
import os
import subprocess
import sys

from conftest import ROOT

from nuclei.common.files import sha256
from nuclei.prediction.answers import write_zip
from nuclei.scoring.names import NAMES
from nuclei.workflow.manifest import manifest

MODELS, SEEDS = ["mask_r50", "cascade_r50"], [0, 1]
TWO = ["mask_r50/seed0", "cascade_r50/seed1"]
CONFIG = {"run": "r", "settings": [1], "models": MODELS[::-1], "seeds": SEEDS, "raw": {"draw": {"seed": 3}}}
CONFIG["ensembles"] = {"two": TWO, "gone": None}


def put(path, content):
    """Write a text, or any other value as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def make_cell(folder, seed, value):
    """All files of one finished cell; `value` is its score."""
    put(folder / "config.py", f"seed = {seed}\n")
    put(folder / "checkpoints/epoch_3.pth", f"weights {value}")
    os.link(folder / "checkpoints/epoch_3.pth", folder / "checkpoint.pth")
    put(folder / "epochs.tsv", f"epoch\tap50_100\tkept\n1\t0.1\t0\n3\t{value / 2}\t1\n")
    chosen = {"epoch": 3, "policy": "best", "metric": "ap50_100", "value": value / 2, "reason": ""}
    put(folder / "checkpoint.json", {**chosen, "sha256": sha256(folder / "checkpoint.pth")})
    training = {"seed": seed, "data_sha256": "b" * 64, "weights_sha256": None, "code_version": "v1", "device": "cpu"}
    training |= {"threads": 1, "epochs": 3, "wall_seconds": 3.5, "finished": "2026-01-01T00:00:00Z"}
    put(folder / "training.json", {**training, "config_sha256": sha256(folder / "config.py")})
    make_results(folder, value)


def make_results(folder, value):
    """What prediction and scoring leave in the folder of a cell or of an ensemble."""
    put(folder / "predictions.json", "[]")
    put(folder / "answer.json", f"[{value}]")
    write_zip(folder / "answer.zip", folder / "answer.json")
    scores = {name: value + at / 100 for at, name in enumerate(NAMES)}
    counts = {"images": 6, "nuclei": 2360, "per_image": [], "scored": True}
    put(folder / "scores.json", {**scores, **counts, "map_report": value, "ceiling_report": 0.25})


def command(script, run, settings, *arguments):
    """The command line of a table's stage, with the files of all cells."""
    cells = cell_folders(run)
    return [
        *(sys.executable, f"scripts/{script}.py", *settings, "--models", *MODELS, "--seeds", *map(str, SEEDS)),
        *("--scores", *(folder / "scores.json" for folder in cells)),
        *("--choices", *(folder / "checkpoint.json" for folder in cells)),
        *("--trainings", *(folder / "training.json" for folder in cells)),
        *arguments,
    ]


def cell_folders(run):
    """Folders of all cells, model by model and then seed by seed."""
    return [run / f"cells/setting1/{model}/seed{seed}" for model in MODELS for seed in SEEDS]


def make_run(run):
    """Make a whole run folder of 2 models and 2 seeds, its tables by the real stages, and its manifest."""
    for at, model in enumerate(MODELS):
        for seed in SEEDS:
            make_cell(run / f"cells/setting1/{model}/seed{seed}", seed, 0.2 + at / 10 + seed / 7)
    two = run / "ensembles/setting1/two"
    make_results(two, 0.4)
    put(run / "data/raw.json", {"counts": {}})
    put(run / "logs/table1.log", "noise")
    put(run / "README.md", "notes")
    put(run / "cells/setting1/mask_r50/seed0/checkpoints/.snakemake_timestamp", "")
    tables = run / "tables"
    members = [run / "cells/setting1" / member / "checkpoint.json" for member in TWO]
    for arguments in (
        command("make_table", run, ["--setting", "1"], "--models-file", "config/models.yaml", "--out-dir", tables),
        command("make_cells_table", run, ["--settings", "1"], "--run-dir", run, "--out", tables / "cells.csv"),
        [
            *(sys.executable, "scripts/make_ensembles_table.py", "--settings", "1"),
            *("--ensembles", json.dumps({"two": TWO}), "--scores", two / "scores.json", "--choices", *members),
            *("--out-dir", tables),
        ],
    ):
        subprocess.run(arguments, cwd=ROOT, check=True)
    (run / "manifest.json").write_text(json.dumps(written(run), sort_keys=True))
    return run


def written(run):
    """Content of the manifest of a run folder that make_run made."""
    cells = cell_folders(run)
    paths = [run / "data/raw.json", run / "tables", run / "ensembles", *cells]
    return manifest(run, CONFIG, {"dataset": None}, MODELS, [cell / "training.json" for cell in cells], paths)
