"""A finished run of one cell, laid out as the pipeline lays it out, around a real training of a very small model."""

import json
import shutil

THRESHOLD = 0.1  # score from which the nuclei of the cell count


def make_cell(run, config, trained):
    """The folder of the cell. config: config.py. trained: the folder of its training, with epoch_3.pth."""
    cell, annotations = run / "cells/setting1/mask_r50/seed0", run / "data/annotations/setting1"
    cell.mkdir(parents=True)
    annotations.mkdir(parents=True)
    shutil.copy(config, cell / "config.py")
    shutil.copy(trained / "checkpoints/epoch_3.pth", cell / "checkpoint.pth")
    shutil.copy(trained / "training.json", cell)
    for name, source in (("train", "train"), ("validation", "val")):
        content = json.loads((config.parent / f"{source}.json").read_text())
        for image in content["images"]:
            image["sha256"] = f"{image['id']:064d}"
        (annotations / f"{name}.json").write_text(json.dumps(content))
    scores = {"map_report": 0.25, "ap_1000": 0.5, "images": 2, "nuclei": 40, "scored": True, "per_image": [{"a": 1}]}
    (cell / "scores.json").write_text(json.dumps(scores))
    (cell / "instance_scores.json").write_text(json.dumps({"threshold": {"value": THRESHOLD}}))
    groups = {"setting1/mask_r50": {"pooled": {"aji": {"value": 0.5, "low": 0.4, "high": 0.6}}}}
    (run / "comparisons.json").write_text(json.dumps({"scored": True, "images": 2, "seeds": 1, "groups": groups}))
    return cell
