"""Reading a run's cells (model, setting, seed): their scores, chosen checkpoint and provenance."""

from pathlib import Path

from nuclei.common.files import read_json
from nuclei.common.stage import InputError
from nuclei.scoring.names import NAMES
from nuclei.workflow.run_folder import cell_folder

# part of a cell: its file, the keys that are read from it, the script that makes it
PARTS = {
    "scores": ("scores.json", ("scored", "images", "nuclei", "map_report", "ceiling_report", *NAMES), "score.py"),
    "choice": ("checkpoint.json", ("epoch", "policy", "metric", "value", "sha256"), "select_checkpoint.py"),
    "training": ("training.json", ("config_sha256", "data_sha256", "code_version", "device"), "train.py"),
}


def read_part(folder, part):
    """Content of one part of a cell; InputError where its file is missing, damaged or lacks a key."""
    name, keys, script = PARTS[part]
    content = read_json(Path(folder) / name, f"what {script} writes")
    lacking = [key for key in keys if key not in content]
    if lacking:
        raise InputError(f"{Path(folder) / name}: lacks {', '.join(lacking)}; run {script} again")
    return content


def read_cells(run, setting, models, seeds, parts=tuple(PARTS)):
    """Read the cells of a setting: {model: [cell of each seed]}, in the given order.

    A cell is {"folder": Path, part: content of its file, …}. Raises InputError naming every file that is missing or
    lacks a key, and cells that were not all scored on the same images.
    """
    cells, problems = {}, []
    for model in models:
        cells[model] = []
        for seed in seeds:
            cell = {"folder": cell_folder(run, setting, model, seed)}
            for part in parts:
                try:
                    cell[part] = read_part(cell["folder"], part)
                except InputError as error:
                    problems += error.problems
            cells[model].append(cell)
    if problems:
        raise InputError(*problems)
    if "scores" in parts:
        check_same_images(cell for found in cells.values() for cell in found)
    return cells


def check_same_images(cells):
    """Raise InputError unless all cells were scored on equally many images and nuclei, the numbers below a table."""
    first = None
    for cell in cells:
        found = tuple(cell["scores"][key] for key in ("scored", "images", "nuclei"))
        first = first or (found, cell["folder"])
        if found != first[0]:
            raise InputError(
                f"{cell['folder'] / 'scores.json'}: scored, images, nuclei are {found}, wanted {first[0]} as in "
                f"{first[1] / 'scores.json'}; score both against the same test masks"
            )
