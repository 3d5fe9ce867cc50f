"""Files of a run's cells that tables are made of."""

import json

from nuclei.scoring.names import NAMES

MODELS = ["mask_r50", "mask_x101", "cascade_r50", "cascade_x101", "pointrend_r50", "ms_rcnn_x101"]


def make_cell(run, setting, model, seed, value, epoch, scored=True):
    """Write scores.json, checkpoint.json and training.json of a cell; `value` is its score. Returns its folder."""
    folder = run / "cells" / f"setting{setting}" / model / f"seed{seed}"
    folder.mkdir(parents=True)
    scores = {name: (value + at / 100 if scored else None) for at, name in enumerate(NAMES)}
    scores |= {
        "map_report": value if scored else None,
        "ceiling_report": 0.2574,
        "images": 6,
        "nuclei": 2360,
        "predictions": 600,
        "per_image": [],
        "scored": scored,
    }
    (folder / "scores.json").write_text(json.dumps(scores))
    choice = {"epoch": epoch, "policy": "best", "metric": "ap50_100", "value": 0.3, "reason": "", "sha256": "c" * 64}
    (folder / "checkpoint.json").write_text(json.dumps(choice))
    training = {
        "config_sha256": "a" * 64,
        "data_sha256": "b" * 64,
        "weights_sha256": None,
        "code_version": "v1",
        "device": "cpu",
        "threads": 1,
        "epochs": 12,
        "wall_seconds": 3.5,
        "finished": "2026-01-01T00:00:00Z",
    }
    (folder / "training.json").write_text(json.dumps(training))
    return folder


FILES = {"--scores": "scores.json", "--choices": "checkpoint.json", "--trainings": "training.json"}


def options(run, settings, models, seeds, *names):
    """The named options of a stage, each with its file of every cell: by setting, then model, then seed."""
    folders = [
        run / "cells" / f"setting{setting}" / model / f"seed{seed}"
        for setting in settings
        for model in models
        for seed in seeds
    ]
    return [word for name in names for word in (name, *(folder / FILES[name] for folder in folders))]
