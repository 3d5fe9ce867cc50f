"""Config, cells and paths: what the other rules files share. The only rules file with functions.

RESULTS, WORK: folders of this run. CELL, ENSEMBLE: path patterns of the results of a cell and of an ensemble.
CELL_LOGS, ENSEMBLE_LOGS: starts of the paths of their logs. MODELS: the chosen entries of models.yaml; TABLED: names of
those in the report's tables; EXPLORED: names of those in a table of their own. ENSEMBLES: the cells of each ensemble.
PROTOCOL: what the chosen protocol changes. TRAINING: the config's `training`, its null keys filled by the protocol.
"""

import functools
import json
import shlex
import sys
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from nuclei.common.stage import InputError
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
# Published weights come from a given folder, or from the URL of weights_root or of a given mirror of it.
WEIGHTS_FOLDER = config["weights_folder"]
WEIGHTS_ROOT = CATALOGUE["weights_root"]
if WEIGHTS_FOLDER and "://" in WEIGHTS_FOLDER:
    WEIGHTS_FOLDER, WEIGHTS_ROOT = None, f"{WEIGHTS_FOLDER.rstrip('/')}/"
TABLED = config["models"]
EXPLORED = explored_models(config, CATALOGUE["models"])
MODELS = {name: CATALOGUE["models"][name] for name in [*TABLED, *EXPLORED]}
ENSEMBLES = {name: cells for name, cells in config["ensembles"].items() if cells}  # null: an overlay took it away
METHOD = config["conversion"]["method"]
TRAINING = fill_training(config["training"], PROTOCOL)
NOTE = config["tables"]["note"] or ""
FORMS = ["csv", "md", "tex", "html"]


def code(script, environment):
    """What a stage's result depends on beside its data, as params: its code and the packages of its environment.

    The script is named without .py, the environment as its file in envs/. Returns one line with path and hash for the
    script and for each module of this project that it imports, and one line for each pinned package.
    A change of code or of a pin changes a param, so that the stage runs again; a changed comment, a touched file, a
    fresh clone and a moved folder change none. See scripts/nuclei/workflow/code_hash.py.
    """
    modules = [f"{path} {code_hash(path)[:16]}" for path in local_modules(f"scripts/{script}.py")]
    found = yaml.safe_load(Path(f"envs/{environment}.yaml").read_text(encoding="utf-8"))["dependencies"]
    pins = [pin for row in found for pin in (row["pip"] if isinstance(row, dict) else [row])]
    after = Path(f"envs/{environment}.post-deploy.sh")
    pins += [f"{after.name} {file_state(after)[:16]}"] if after.is_file() else []
    return [*modules, *(f"{environment}: {pin}" for pin in pins)]


def verbatim(value):
    """A param with exactly this value, also where it holds braces, as a text of the config may.

    Snakemake takes braces in a plain text for wildcards, but not those in what a function returns.
    """
    return lambda wildcards: value


def option(name, value):
    """An option of a command line with its value or values, quoted for the shell; an empty text without a value."""
    if value in (None, "", []):
        return ""
    values = value if isinstance(value, list) else [value]
    return " ".join([name, *(shlex.quote(str(one)) for one in values)])


def switch(name, on):
    """An option of a command line that takes no value, or an empty text where it is off."""
    return name if on else ""


def braces(values):
    """Several words as one brace expression of Bash, {a,b,c}; a single word as it is.

    A path with such expressions stands for many files, whose whole list would be too long for the shell.
    """
    words = list(map(str, values))
    return f"{{{','.join(words)}}}" if len(words) > 1 else words[0]


def above(levels=1):
    """Folder so many levels above a rule's first output, for stages that name files themselves."""
    return lambda wildcards, output: str(Path(output[0]).parents[levels - 1])


def scaled(amount):
    """A resource that grows with each attempt, up to three times the amount.

    A job that was killed for want of time or memory is tried again with more of it.
    """
    return lambda wildcards, attempt: amount * min(attempt, 3)


def cell_files(name, settings=None, models=None):
    """Paths of the file `name` in every cell of the given settings and models (default: all that the run trains)."""
    return expand(
        f"{CELL}/{name}",
        setting=settings or config["settings"],
        model=MODELS if models is None else models,
        seed=config["seeds"],
    )


def ensemble_files(name):
    """Paths of the file `name` of every ensemble in every setting of the run."""
    return expand(f"{ENSEMBLE}/{name}", setting=config["settings"], ensemble=ENSEMBLES)


def answer_files():
    """Paths of every answer.zip of the run: of all cells and of all ensembles."""
    return cell_files("answer.zip") + ensemble_files("answer.zip")


def members(name, setting, ensemble):
    """Paths of the file `name` in the cells that an ensemble is made of."""
    cells = (member.split("/") for member in ENSEMBLES[ensemble])
    return [str(cell_folder(RESULTS, setting, model, seed.removeprefix("seed")) / name) for model, seed in cells]


def raw_source(part):
    """Path or URL of a part of the raw data (dataset or test_masks), as the config gives it.

    None where the config gives none, or where the project draws the data itself.
    """
    return None if config["raw"]["draw"] else config["raw"][part]["path"]


def raw_folder(part):
    """Folder that holds a part of the raw data (dataset or test_masks); None where the run has no such part.

    A folder that the config gives is used where it lies, or its subfolder named as the part. An archive, a URL or drawn
    data end in a folder below work/ that draw_raw or fetch_raw makes.
    """
    source = raw_source(part)
    if source and Path(source).is_dir():
        return str(Path(source) / part) if (Path(source) / part).is_dir() else source.rstrip("/")
    return f"{WORK}/raw/{part}" if source or config["raw"]["draw"] else None


def raw_input(*parts):
    """Inputs of rules that read parts of the raw data, i.e. the folders that rules make, and a marker file beside each.

    Snakemake does not look into a folder: it judges it by its modification time, which a touch or a copy changes. So
    the folder is `ancient`, which means that its time does not count. The rule that makes the folder also writes the
    empty file <folder>.made beside it. When the folder is made anew, this file makes the rules that read it run again;
    when it is only touched, nothing runs, since Snakemake compares files by their content.
    A folder that the config gives is made by no rule and so is no input here; raw_state() watches its content.
    """
    made = [folder for folder in map(raw_folder, parts) if folder and folder.startswith(f"{WORK}/raw/")]
    return [path for folder in made for path in (ancient(folder), f"{folder}.made")]


@functools.cache
def raw_state(part):
    """Hash of the content of a part of the raw data, where the config gives a folder or an archive; for params.

    A change of the content runs the stages again that read it first; a touch or a copy runs nothing. A URL is returned
    as it is, and None where nothing is given. Cached, since many jobs ask. See scripts/nuclei/workflow/data_hash.py.
    """
    source = raw_source(part)
    return data_hash(source, "work/fingerprints") if source and Path(source).exists() else source


def file_state(path):
    """Hash of the content of a given file or folder, or None without a path; for params.

    The file itself is an `ancient` input of the same rule, or none: its time says nothing, as a fresh clone changes it.
    """
    return data_hash(path, "work/fingerprints")


def model_entry(wildcards):
    """The entry of a model as JSON, for resolve_config.py.

    It is the entry of models.yaml with what the protocol changes of it and with the config's model_options; see
    fill_model.
    """
    name = wildcards.model
    return json.dumps(fill_model(MODELS[name], PROTOCOL["models"].get(name), config["model_options"].get(name)))


def weights(wildcards):
    """Path of the COCO weights that a model starts from, or [] (no input) for a random start."""
    return f"work/weights/{wildcards.model}.pth" if TRAINING["weights"] == "coco" else []


def annotations(part):
    """Path pattern of a setting's annotation file. part: train or validation; train means tiles where these are on."""
    name = "tiles" if part == "train" and config["tiles"] else part
    return f"{RESULTS}/data/annotations/setting{{setting}}/{name}.json"


def training_images(wildcards):
    """Folder that the file names in the training annotations are relative to."""
    return f"{WORK}/tiles/setting{wildcards.setting}" if config["tiles"] else f"{raw_folder('dataset')}/train"


def polygons():
    """Whether the training annotations hold polygons; otherwise they hold run-length codes (RLE)."""
    return METHOD == "imantics" or config["conversion"]["segmentation"] == "polygon"


def table_files(family="", forms=FORMS):
    """Paths of all tables, in every form: one for each setting, one of the explored models, one of the ensembles.

    family: "" for tables of the report's score, "_full" for tables of the other scores. Ensembles have one table with
    both, which belongs to "".
    """
    tables = [f"table{setting}{family}" for setting in config["settings"]] + ([f"explored{family}"] if EXPLORED else [])
    tables += ["ensembles"] if ENSEMBLES and not family else []
    return expand(f"{RESULTS}/tables/{{table}}.{{form}}", table=tables, form=forms)


def table_columns(models):
    """{model: what the first columns of tables show of it}: method, backbone, multiscale, lr_schd of models.yaml."""
    return {name: [MODELS[name][key] for key in ("method", "backbone", "multiscale", "lr_schd")] for name in models}


def published_files():
    """Paths of both tables of the published submissions, scored again, in every form."""
    return expand(f"{RESULTS}/published/table{{table}}.{{form}}", table=[1, 2], form=FORMS)
