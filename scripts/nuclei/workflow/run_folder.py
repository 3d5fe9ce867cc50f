"""Where the results and the work of a run lie: the one place that knows these paths."""

import re
from pathlib import Path

CELL_FILE = re.compile(r"cells/(setting\d|fold\d+)/([^/]+)/(seed\d+)/.+")
CELL_PICTURE = re.compile(r"figures/overlays/(setting\d)\.([^/]+)\.(seed\d+)\.jpg")


def setting_name(setting: int | str) -> str:
    """Name of a setting in paths and lists. Those of the report have numbers; folds have names, as patterns have.

    >>> setting_name(1), setting_name("2"), setting_name("fold3"), setting_name("{setting}")
    ('setting1', 'setting2', 'fold3', '{setting}')
    """
    return f"setting{setting}" if str(setting).isdigit() else str(setting)


def is_fold(setting: int | str) -> bool:
    """Whether a setting is a fold of a cross-validation, which tests training images of the other settings."""
    return str(setting).startswith("fold")


def cell_folder(run: Path | str, setting: int | str, model: str, seed: int | str) -> Path:
    """Folder of a cell, which is one training: (model, setting, seed). setting: see setting_name.

    run: results/<run> for results, work/<run> for the state of unfinished trainings. Any other part may be a pattern:
    `{seed}` in Snakemake's rules, `*` for a search.

    >>> cell_folder("results/demo", 1, "mask_r50", 0).as_posix()
    'results/demo/cells/setting1/mask_r50/seed0'
    """
    return Path(run, "cells", setting_name(setting), str(model), f"seed{seed}")


def ensemble_folder(run: Path | str, setting: int | str, ensemble: str) -> Path:
    """Folder of an ensemble's results. run: results/<run>. Any other part may be a pattern, as in cell_folder.

    >>> ensemble_folder("results/demo", 1, "two").as_posix()
    'results/demo/ensembles/setting1/two'
    """
    return Path(run, "ensembles", setting_name(setting), str(ensemble))


def cell_of(name: str) -> str | None:
    """Folder of the cell that a result belongs to, relative to the run folder as `name` is; None for other results.

    >>> cell_of("cells/setting1/mask_r50/seed0/checkpoints/epoch_1.pth")
    'cells/setting1/mask_r50/seed0'
    >>> cell_of("figures/overlays/setting1.mask_r50.seed0.jpg")
    'cells/setting1/mask_r50/seed0'
    >>> cell_of("tables/table1.csv")
    """
    found = CELL_FILE.fullmatch(name) or CELL_PICTURE.fullmatch(name)
    return "/".join(["cells", *found.groups()]) if found else None
