"""Config, cells and paths: what the other rules files share. The only one with functions.

RESULTS, WORK: folders of this run. CELL: path pattern of a cell's results. MODELS: the chosen entries of models.yaml,
TABLED those of the report's tables, EXPLORED those of a table of their own. ENSEMBLE, ENSEMBLES: the same of ensembles.
"""

import functools
import json
import shlex
import sys
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from nuclei.workflow.configuration import check_config, explored_models
from nuclei.workflow.data_hash import fingerprint
from nuclei.workflow.code_hash import behaviour, local_modules
from nuclei.workflow.protocols import fill_model, fill_training, read_protocol
from nuclei.common.stage import InputError

try:
    MODELS_FILE = config.get("models_file", "config/models.yaml")
    CATALOGUE = check_config(config, MODELS_FILE, "config/schema.yaml")
    PROTOCOL = read_protocol(config["protocol"], CATALOGUE["models"])
except InputError as error:
    raise WorkflowError("\n".join(f"error: {problem}" for problem in error.problems))

RESULTS = f"results/{config['run']}"
WORK = f"work/{config['run']}"
CELL = f"{RESULTS}/cells/setting{{setting}}/{{model}}/seed{{seed}}"
CELL_LOGS = f"{RESULTS}/logs/setting{{setting}}.{{model}}.seed{{seed}}"
ENSEMBLE = f"{RESULTS}/ensembles/setting{{setting}}/{{ensemble}}"
ENSEMBLE_LOGS = f"{RESULTS}/logs/setting{{setting}}.ensemble.{{ensemble}}"
ENSEMBLE_RESULTS = ["predictions.json", "answer.json", "answer.zip", "scores.json"]
WEIGHTS_FOLDER = config["weights_folder"]
WEIGHTS_ROOT = CATALOGUE["weights_root"]
if WEIGHTS_FOLDER and "://" in WEIGHTS_FOLDER:
    WEIGHTS_FOLDER, WEIGHTS_ROOT = None, f"{WEIGHTS_FOLDER.rstrip('/')}/"
TABLED = config["models"]
EXPLORED = explored_models(config, CATALOGUE["models"])
MODELS = {name: CATALOGUE["models"][name] for name in [*TABLED, *EXPLORED]}
ENSEMBLES = {name: cells for name, cells in config["ensembles"].items() if cells}
METHOD = config["conversion"]["method"]
TRAINING = fill_training(config["training"], PROTOCOL)


def code(script, environment):
    """A stage's script, every local module that it imports, each with a hash of what it does, and its packages' pins.

    For params: a change reruns the stage; a comment, a touch, a fresh clone or a moved folder does not.
    """
    modules = [f"{path} {behaviour(path)[:16]}" for path in local_modules(f"scripts/{script}.py")]
    found = yaml.safe_load(Path(f"envs/{environment}.yaml").read_text(encoding="utf-8"))["dependencies"]
    pins = [pin for row in found for pin in (row["pip"] if isinstance(row, dict) else [row])]
    after = Path(f"envs/{environment}.post-deploy.sh")
    pins += [f"{after.name} {file_state(after)[:16]}"] if after.is_file() else []
    return [*modules, *(f"{environment}: {pin}" for pin in pins)]


def option(name, value):
    """A command line's option with its value quoted for the shell, or nothing without a value."""
    return f"{name} {shlex.quote(value)}" if value else ""


def scaled(amount):
    """A resource that grows with each attempt, for jobs killed for time or memory: up to three times the amount."""
    return lambda wildcards, attempt: amount * min(attempt, 3)


def cell_files(name, settings=None, models=None):
    """Path of `name` in every cell of the given settings and models (default: all that are chosen)."""
    return expand(
        f"{CELL}/{name}",
        setting=settings or config["settings"],
        model=MODELS if models is None else models,
        seed=config["seeds"],
    )


def ensemble_files(name):
    """Path of `name` of every ensemble in every chosen setting."""
    return expand(f"{ENSEMBLE}/{name}", setting=config["settings"], ensemble=ENSEMBLES)


def answer_files():
    """Every answer.zip of the run."""
    return cell_files("answer.zip") + ensemble_files("answer.zip")


def members(name, setting, ensemble):
    """Path of `name` in the cells that make an ensemble."""
    return [f"{RESULTS}/cells/setting{setting}/{cell}/{name}" for cell in ENSEMBLES[ensemble]]


def raw_source(part):
    """Configured path or URL of a part of the raw data (dataset, test_masks), or None."""
    return None if config["raw"]["draw"] else config["raw"][part]["path"]


def raw_folder(part):
    """Folder of a part of the raw data: a given folder as it is, else the one that a rule makes; None without."""
    source = raw_source(part)
    if source and Path(source).is_dir():
        return str(Path(source) / part) if (Path(source) / part).is_dir() else source.rstrip("/")
    return f"{WORK}/raw/{part}" if source or config["raw"]["draw"] else None


def raw_input(*parts):
    """The raw folders that rules of this workflow make, as inputs; a given folder is watched by raw_state().

    Snakemake knows a folder by its time alone; the empty file beside it says that it was made, and stands a touch.
    """
    made = [folder for folder in map(raw_folder, parts) if folder and folder.startswith(f"{WORK}/raw/")]
    return [path for folder in made for path in (ancient(folder), f"{folder}.made")]


@functools.cache
def raw_state(part):
    """Hash of the content of a given folder or archive, so that a change reruns its stages and a touch does not."""
    source = raw_source(part)
    return fingerprint(source, "work/fingerprints") if source and Path(source).exists() else source


def file_state(path):
    """Hash of a given file (or None). For params, beside an `ancient` input: a fresh clone changes the file's time."""
    return fingerprint(path, "work/fingerprints")


def model_entry(name):
    """models.yaml's entry of a model, with the protocol's changes and the config's model_options on top."""
    return fill_model(MODELS[name], PROTOCOL["models"].get(name), config["model_options"].get(name))


def weights(name):
    """File of the COCO weights that a model starts from, or [] for a random start."""
    return f"work/weights/{name}.pth" if TRAINING["weights"] == "coco" else []


def annotations(part):
    """Pattern of a setting's annotation file: train (tiles where configured) or validation."""
    name = "tiles" if part == "train" and config["tiles"] else part
    return f"{RESULTS}/data/annotations/setting{{setting}}/{name}.json"


def training_images():
    """Pattern of the folder that the training annotations' file names start from."""
    return f"{WORK}/tiles/setting{{setting}}" if config["tiles"] else f"{raw_folder('dataset')}/train"


def polygons():
    """Whether the training annotations hold polygons (else RLE)."""
    return METHOD == "imantics" or config["conversion"]["segmentation"] == "polygon"


def table_files():
    """All files of the tables of the chosen settings, of the explored models' table and of the ensembles'."""
    pairs = [f"table{setting}" for setting in config["settings"]] + (["explored"] if EXPLORED else [])
    tables = [f"{table}{family}" for table in pairs for family in ("", "_full")] + (["ensembles"] if ENSEMBLES else [])
    return expand(f"{RESULTS}/tables/{{table}}.{{form}}", table=tables, form=["csv", "md", "tex", "html"])


def table_columns(models):
    """What tables show of these models' entries."""
    return {name: [MODELS[name][key] for key in ("method", "backbone", "multiscale", "lr_schd")] for name in models}


def published_files():
    """Both tables of the published submissions, re-scored."""
    return expand(f"{RESULTS}/published/table{{table}}.{{form}}", table=[1, 2], form=["csv", "md", "tex", "html"])
