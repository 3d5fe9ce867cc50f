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

from nuclei.common.stage import InputError
from nuclei.data.raw_content import PARTS, raw_hashes
from nuclei.workflow.code_hash import code_hash, local_modules
from nuclei.workflow.configuration import check_config, explored_models
from nuclei.workflow.data_hash import data_hash
from nuclei.workflow.protocols import fill_model, fill_training, read_protocol
from nuclei.workflow.run_folder import cell_folder, ensemble_folder

try:
    MODELS_FILE = config.get("models_file", "config/models.yaml")
    CATALOGUE = check_config(config, MODELS_FILE, "config/schema.yaml")
    PROTOCOL = read_protocol(config["protocol"], CATALOGUE["models"])
except InputError as error:
    raise WorkflowError("\n".join(f"error: {problem}" for problem in error.problems))

RESULTS = f"results/{config['run']}"
WORK = f"work/{config['run']}"
CELL = str(cell_folder(RESULTS, "{setting}", "{model}", "{seed}"))
CELL_LOGS = f"{RESULTS}/logs/setting{{setting}}.{{model}}.seed{{seed}}"
ENSEMBLE = str(ensemble_folder(RESULTS, "{setting}", "{ensemble}"))
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
NOTE = config["tables"]["note"] or ""
FORMS = ["csv", "md", "tex", "html"]
MEMORY = "work/fingerprints"  # hashes of given files, so that unchanged ones are not read again


def code(script, environment):
    """A stage's script, every local module that it imports, each with a hash of what it does, and its packages' pins.

    For params: a change reruns the stage; a comment, a touch, a fresh clone or a moved folder does not.
    """
    modules = [f"{path} {code_hash(path)[:16]}" for path in local_modules(f"scripts/{script}.py")]
    found = yaml.safe_load(Path(f"envs/{environment}.yaml").read_text(encoding="utf-8"))["dependencies"]
    pins = [pin for row in found for pin in (row["pip"] if isinstance(row, dict) else [row])]
    after = Path(f"envs/{environment}.post-deploy.sh")
    pins += [f"{after.name} {file_state(after)[:16]}"] if after.is_file() else []
    return [*modules, *(f"{environment}: {pin}" for pin in pins)]


def verbatim(value):
    """A param that Snakemake takes as it is: in a text of the config's, braces would be taken for wildcards."""
    return lambda wildcards: value


def option(name, value):
    """A command line's option with its value, or its values, quoted for the shell; nothing without a value."""
    if value in (None, "", []):
        return ""
    values = value if isinstance(value, list) else [value]
    return " ".join([name, *(shlex.quote(str(one)) for one in values)])


def switch(name, on):
    """A command line's option without a value, or nothing."""
    return name if on else ""


def braces(values):
    """Bash's brace expansion of several words, for lists of files too long for one argument of the shell."""
    words = list(map(str, values))
    return f"{{{','.join(words)}}}" if len(words) > 1 else words[0]


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
    cells = (member.split("/seed") for member in ENSEMBLES[ensemble])
    return [str(cell_folder(RESULTS, setting, model, seed) / name) for model, seed in cells]


def raw_source(part):
    """Configured path or URL of a part of the raw data (dataset, test_masks), or None."""
    return None if config["raw"]["draw"] else config["raw"][part]["path"]


def raw_folder(part):
    """Folder of a part of the raw data: a given folder as it is, else the one that a rule makes; None without."""
    source = raw_source(part)
    if source and Path(source).is_dir():
        return str(Path(source) / part) if (Path(source) / part).is_dir() else source.rstrip("/")
    return f"{WORK}/raw/{part}" if source or config["raw"]["draw"] else None


def is_given(folder):
    """Whether a raw folder was given, and not made by a rule of this workflow."""
    return bool(folder) and not folder.startswith(f"{WORK}/raw/")


def raw_input(*parts):
    """The raw folders that rules of this workflow make, as inputs; the content of given ones is in raw_state().

    Snakemake compares folders by their time alone. The file `<folder>.made` holds the hash of what was made, so it
    stands for the content of the folder, and the folder itself only says that it has to be there.
    """
    made = [folder for folder in map(raw_folder, parts) if folder and not is_given(folder)]
    return [path for folder in made for path in (ancient(folder), f"{folder}.made")]


@functools.cache
def raw_states():
    """{part: hash of its content} of given raw folders; parts: train, test, test_masks."""
    dataset, masks = (folder if is_given(folder) else None for folder in map(raw_folder, ("dataset", "test_masks")))
    found = raw_hashes(dataset, masks, MEMORY) if dataset else {}
    return found | ({"test_masks": data_hash(masks, MEMORY)} if masks and not dataset else {})


def raw_state(*parts):
    """Hashes of the content of these parts of the raw data, where they lie in given folders.

    A param of every rule that reads their pixels: it runs again when they changed, and a touch changes nothing.
    """
    return [raw_states().get(part) for part in parts]


@functools.cache
def archive_state(part):
    """Hash of a given archive of raw data, its path where it is a URL, None where a folder was given."""
    source = raw_source(part)
    return data_hash(source, MEMORY) if source and Path(source).is_file() else source if "://" in str(source) else None


def file_state(path):
    """Hash of a given file (or None). For params, beside an `ancient` input: a fresh clone changes the file's time."""
    return data_hash(path, MEMORY)


def model_entry(wildcards):
    """models.yaml's entry of a model as JSON, with the protocol's changes and the config's model_options on top."""
    name = wildcards.model
    return json.dumps(fill_model(MODELS[name], PROTOCOL["models"].get(name), config["model_options"].get(name)))


def weights(wildcards):
    """File of the COCO weights that a model starts from, or [] for a random start."""
    return f"work/weights/{wildcards.model}.pth" if TRAINING["weights"] == "coco" else []


def annotations(part):
    """Pattern of a setting's annotation file: train (tiles where configured) or validation."""
    name = "tiles" if part == "train" and config["tiles"] else part
    return f"{RESULTS}/data/annotations/setting{{setting}}/{name}.json"


def training_images(wildcards):
    """Folder that the file names of the training annotations start from."""
    return f"{WORK}/tiles/setting{wildcards.setting}" if config["tiles"] else f"{raw_folder('dataset')}/train"


def polygons():
    """Whether the training annotations hold polygons (else RLE)."""
    return METHOD == "imantics" or config["conversion"]["segmentation"] == "polygon"


def table_files(family="", forms=FORMS):
    """Files of the tables of the chosen settings, of the explored models' table and of the ensembles'.

    family: "" for the report's score, "_full" for the others, which ensembles have in the same table.
    """
    tables = [f"table{setting}{family}" for setting in config["settings"]] + ([f"explored{family}"] if EXPLORED else [])
    tables += ["ensembles"] if ENSEMBLES and not family else []
    return expand(f"{RESULTS}/tables/{{table}}.{{form}}", table=tables, form=forms)


def table_columns(models):
    """What tables show of these models' entries."""
    return {name: [MODELS[name][key] for key in ("method", "backbone", "multiscale", "lr_schd")] for name in models}


def published_files():
    """Both tables of the published submissions, re-scored."""
    return expand(f"{RESULTS}/published/table{{table}}.{{form}}", table=[1, 2], form=FORMS)
