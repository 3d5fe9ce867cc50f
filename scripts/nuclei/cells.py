"""Reading a run's cells (model, setting, seed): their scores, chosen checkpoint and provenance."""

from pathlib import Path

from nuclei.stage import read_json


def cell_folder(run, setting, model, seed):
    """Folder of a cell's results."""
    return Path(run) / "cells" / f"setting{setting}" / model / f"seed{seed}"


def read_cell(run, setting, model, seed):
    """{"folder", "scores", "choice", "training"} of a cell; InputError names a file that is missing."""
    folder = cell_folder(run, setting, model, seed)
    return {
        "folder": folder,
        "scores": read_json(folder / "scores.json", "scores of score.py"),
        "choice": read_json(folder / "checkpoint.json", "the choice of select_checkpoint.py"),
        "training": read_json(folder / "training.json", "provenance of train.py"),
    }
