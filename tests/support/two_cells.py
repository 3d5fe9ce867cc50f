"""The small run of two cells that tests/workflow/test_rerun.py changes: its config, its jobs, its files."""

import json
import re

import yaml
from support.tiny import CONFIG as TINY
from support.tiny import STAGES

CONFIG = {
    "run": TINY["run"],
    "raw": {"draw": None, "dataset": {"path": "given/dataset"}, "test_masks": {"path": "given/test_masks"}},
    "split": TINY["split"],
    "conversion": {"method": "imantics"},
    "models": ["mask_r50", "pointrend_r50"],
    "settings": [1],
    "seeds": [0],
    "scoring": TINY["scoring"],
    "training": TINY["training"] | {"schedule": [4], "train_scales": [[64, 64], [96, 96]], "test_scale": [64, 64]},
}
DRAWN = {"draw": {"train": 3, "test": 2, "size": 64, "seed": 3}}
MASK, POINT = "setting1.mask_r50.seed0", "setting1.pointrend_r50.seed0"
CELLS = [MASK, POINT]
NEW = "setting1.mask_r50_calm.seed0"
SEEDS = [f"setting1.{model}.seed{seed}" for seed in (1, 2) for model in ("mask_r50", "pointrend_r50")]
FIRST = [
    "check_device",
    "draw_raw",
    "check_part",
    "check_raw",
    "check_leaks",
    "make_split",
    "convert_train",
    "write_annotations",
    "measure_conversion_loss",
    "convert_test",
    "list_test_images",
]
FUSED = ["fuse_predictions", "write_ensemble_answer", "score_ensemble"]
LAST = ["draw_curves", "make_table", "make_cells_table", "make_report", "write_manifest"]
TABLES = {"make_table setting1", "make_report", "write_manifest"}
SCORED = TABLES | {"make_cells_table"}
TRAINED = SCORED | {"draw_curves setting1"}
CONVERTED_TRAIN = {"convert_train exact", "convert_train imantics", "write_annotations", "measure_conversion_loss"}
CONVERTED = CONVERTED_TRAIN | {"convert_test", "list_test_images"}
TRAIN_DATA = CONVERTED_TRAIN | {"check_part train", "check_raw", "check_leaks", "make_split"}
TEST_MASKS = {"check_part test_masks", "check_raw", "convert_test"}
DATA = CONVERTED | TRAIN_DATA | TEST_MASKS | {"check_part test"}


def stages(cells, first):
    """Jobs of cells from one stage on; overlays show the first seed alone."""
    found = {f"{stage} {cell}" for stage in STAGES[STAGES.index(first) :] for cell in cells}
    return {job for job in found if not re.fullmatch(r"draw_overlays .*seed[12]", job)}


def cell_folder(project, cell, *names):
    """Folder of a cell's results, or a file in it."""
    return project.joinpath("results/tiny/cells", *cell.split("."), *names)


def read(project, name):
    """A JSON file of the run folder."""
    return json.loads((project / "results/tiny" / name).read_text())


def trained_epochs(project, cell):
    """Epochs that the last `train` job of a cell went through, from what it said."""
    said = (project / f"results/tiny/logs/{cell}.train.log").read_text()
    return [int(epoch) for epoch in re.findall(r" epoch (\d+)/\d+: validation", said)]


def write_config(project, **change):
    """The config with changes; those of `training` go on top of what is there."""
    change = {key: CONFIG[key] | value if key == "training" else value for key, value in change.items()}
    (project / "tiny.yaml").write_text(yaml.safe_dump(CONFIG | change))
