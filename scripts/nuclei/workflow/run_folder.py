"""Where the results of a run lie."""

from pathlib import Path


def cell_folder(run, setting, model, seed):
    """Folder of a cell's results."""
    return Path(run) / "cells" / f"setting{setting}" / model / f"seed{seed}"
