"""Where the results and the work of a run lie: the one place that knows these paths."""

from pathlib import Path


def cell_folder(run, setting, model, seed):
    """Folder of a cell (model, setting, seed) below `run`: results/<run>, or work/<run> for its unfinished trainings.

    Any part may be a pattern: `{seed}` in Snakemake's rules, `*` for a search.

    >>> cell_folder("results/demo", 1, "mask_r50", 0).as_posix()
    'results/demo/cells/setting1/mask_r50/seed0'
    """
    return Path(run, "cells", f"setting{setting}", str(model), f"seed{seed}")


def ensemble_folder(run, setting, ensemble):
    """Folder of an ensemble's results below `run`; any part may be a pattern.

    >>> ensemble_folder("results/demo", 1, "two").as_posix()
    'results/demo/ensembles/setting1/two'
    """
    return Path(run, "ensembles", f"setting{setting}", str(ensemble))
