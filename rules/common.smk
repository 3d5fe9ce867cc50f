"""Config, cells and paths: what the other rules files share. Functions are here, in raw.smk and in results.smk.

RESULTS, WORK: folders of this run. CELL, ENSEMBLE: path patterns of the results of a cell and of an ensemble.
CELL_LOGS, ENSEMBLE_LOGS: starts of the paths of their logs. MODELS: the chosen entries of models.yaml; TABLED: names of
those in the report's tables; EXPLORED: names of those in a table of their own. ENSEMBLES: the cells of each ensemble.
PROTOCOL: what the chosen protocol changes. TRAINING: the config's `training`, its null keys filled by the protocol.
FOLDS: names of the folds of a cross-validation, which are settings, too; TRAINED: all settings. INSTANCES: whether
cells are scored and compared beyond AP. EPOCHS: whether several epochs of each cell are predicted with. UNSEEN: the
setting whose validation images choose score thresholds. REPORTED: whether the run speaks of the report's findings.
GPUS: how many train one cell together. EXPORT: folder of what is found in the new images IMAGES;
SLIDES: those of them with a job of their own, by name. RECORD: what Snakemake says of the run in work/<run>/run.json.
"""

import functools
import json
import re
import shlex
import sys
from itertools import product
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from nuclei.common.stage import InputError
from nuclei.data.raw_content import PARTS, raw_hashes
from nuclei.data.raw_names import COURSE, in_course_layout
from nuclei.scoring.board import NUCLEI
from nuclei.workflow.code_hash import code_hash, local_modules
from nuclei.workflow.configuration import check_config, check_encoding, expand_home, explored_models
from nuclei.workflow.data_hash import data_hash, files_hash
from nuclei.workflow.image_list import list_image_files, wants_a_job
from nuclei.workflow.protocols import fill_model, fill_training, read_protocol
from nuclei.workflow.run_folder import cell_folder, ensemble_folder, is_fold, setting_name
from nuclei.workflow.run_record import RunRecord

if Path.cwd().resolve() != Path(workflow.basedir).resolve():
    raise WorkflowError(
        f"error: --directory: {Path.cwd()} found, wanted the folder of the project, {workflow.basedir}, in which every "
        "stage runs; leave --directory out"
    )

if set("{}") & set(str(workflow.basedir)):
    raise WorkflowError(
        f"error: {workflow.basedir}: braces found, wanted none in the path of the project, since Snakemake takes them "
        "for wildcards; rename the folder"
    )

# Files of --configfile are read before any line of this project, so only the default config can be checked ahead.
try:
    check_encoding("config/config.yaml")
except InputError as error:
    raise WorkflowError(f"error: {error}")


configfile: "config/config.yaml"


try:
    expand_home(config)
    MODELS_FILE = config.get("models_file", "config/models.yaml")
    CATALOGUE = check_config(config, MODELS_FILE, "config/schema.yaml")
    PROTOCOL = read_protocol(config["protocol"], CATALOGUE["models"])
    SOURCES = [config["images"]] if isinstance(config["images"], str) else config["images"] or []
    IMAGES = list_image_files(SOURCES)
except InputError as error:
    raise WorkflowError("\n".join(f"error: {problem}" for problem in error.problems))

RESULTS = f"results/{config['run']}"
WORK = f"work/{config['run']}"
CELL = str(cell_folder(RESULTS, "{setting}", "{model}", "{seed}"))
CELL_LOGS = f"{RESULTS}/logs/{{setting}}.{{model}}.seed{{seed}}"
ENSEMBLE = str(ensemble_folder(RESULTS, "{setting}", "{ensemble}"))
ENSEMBLE_LOGS = f"{RESULTS}/logs/{{setting}}.ensemble.{{ensemble}}"
ENSEMBLE_RESULTS = ["predictions.json", "answer.json", "answer.zip", "scores.json"]
INSTANCE_RESULTS = ["instance_scores.json", "image_statistics.json", "errors.csv"]  # of a cell and of an ensemble
# Published weights come from a given folder, or from the URL of weights_root or of a given mirror of it.
WEIGHTS_FOLDER = config["weights_folder"]
WEIGHTS_ROOT = CATALOGUE["weights_root"]
if WEIGHTS_FOLDER and "://" in WEIGHTS_FOLDER:
    WEIGHTS_FOLDER, WEIGHTS_ROOT = None, f"{WEIGHTS_FOLDER.rstrip('/')}/"
TABLED = config["models"]
EXPLORED = explored_models(config, CATALOGUE["models"])
MODELS = {name: CATALOGUE["models"][name] for name in [*TABLED, *EXPLORED]}
ENSEMBLES = {name: cells for name, cells in config["ensembles"].items() if cells}  # null: an overlay took it away
TRAINING = fill_training(config["training"], PROTOCOL)
BUNDLE = None if TRAINING["weights"] in ("coco", "none") else TRAINING["weights"]
METHOD = config["conversion"]["method"]
NOTE = config["tables"]["note"] or ""
GPUS = config["compute"]["gpus"]
CLASSES = config["raw"]["classes"]
INSTANCES = config["scoring"]["instances"]
ENSEMBLE_RESULTS += INSTANCE_RESULTS if INSTANCES else []
EPOCHS = INSTANCES and config["scoring"]["epochs"] > 0
# The setting on whose validation images score thresholds are chosen: setting 2 has none that its training did not see.
UNSEEN = 1 if 1 in config["settings"] else 2
FORMS = ["csv", "md", "tex", "html"]
# The report's findings are about its own images, known by their number of nuclei.
SAME_DATA = (config["raw"]["expected"] or {}).get("test") == NUCLEI
REPORTED = bool(config["tables"]["published"] or config["published"]["submissions"] or SAME_DATA)
# The folds of a cross-validation, which are settings of their own beside those of the report.
FOLDS = [f"fold{number}" for number in range(1, config["folds"]["count"] + 1)] if config["folds"] else []
TRAINED = [*config["settings"], *FOLDS]
RECORD = RunRecord(WORK, config["run"], list(product(TRAINED, MODELS, config["seeds"])), config["notify"])
# of a cell that serves as model for new images; the manifest of its run has the windows that it was shown
MODEL_FILES = ["config.py", "checkpoint.pth", "../../../../manifest.json"]
PUBLISHED_SCORES = f"{RESULTS}/published/scores"  # a folder, because its files are named after those of the author
MEMORY = "work/fingerprints"  # hashes of given files, so that unchanged ones are not read again
EXPORT = config["export"]["folder"].rstrip("/")
# Slides by the names of their results; a name that Snakemake could misread gets no job of its own.
SLIDES = {path.stem: path for path in IMAGES if wants_a_job(path) and re.fullmatch(r"[\w .()+-]+", path.stem)}


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


def reader_code():
    """The same as code(), of the readers of formats, which import_raw imports by names that are not written."""
    paths = {
        path for reader in Path("scripts/nuclei/formats").glob("*.py") for path in local_modules(reader, "scripts")
    }
    return [f"{path} {code_hash(path)[:16]}" for path in sorted(paths)]


def verbatim(value):
    """A param with exactly this value, also where it holds braces, as a text of the config may.

    Snakemake takes braces in a plain text for wildcards, but not those in what a function returns. In inputs it does so
    even there. So a file that the config names is no input: its path is a param, and its content is another one.
    """
    return lambda wildcards: value


def option(name, value):
    """An option of a command line with its value, quoted for the shell; an empty text without a value."""
    return "" if value in (None, "", []) else shlex.quote(f"{name}={value}")  # = because a value may start with -


def switch(name, on):
    """An option of a command line that takes no value, or an empty text where it is off."""
    return name if on else ""


def class_options():
    """Options that name the classes, quoted for the shell; an empty text where there is the default one alone."""
    return " ".join(option("--class", name) for name in CLASSES) if CLASSES != ["nucleus"] else ""


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


def launcher(wildcards, resources):
    """What starts the processes of a training, where a profile lets them be tasks of an engine (`mpi: srun …`, `tasks`).

    An empty text where train.py starts them itself. WorkflowError where Snakemake has cut the GPUs to its own limit.
    """
    if config["compute"]["device"] != "cpu" and resources.gpu < GPUS:
        raise WorkflowError(
            f"error: --resources: gpu={resources.gpu} found, wanted at least compute.gpus {GPUS}; add --resources "
            f"gpu={GPUS}, before other options"
        )
    return f"{resources.mpi} --ntasks={resources.tasks}" if resources.get("mpi") else ""


def own_threads(wildcards, threads, resources):
    """Threads of each process of a training; as tasks of an engine they have cores of their own, whatever is here."""
    return config["compute"]["threads"] if resources.get("mpi") else max(1, threads // GPUS)


def setting_names(settings):
    """Names of settings as they stand in paths: setting1, setting2, fold1, …"""
    return [setting_name(setting) for setting in settings]


def cell_files(name, settings=None, models=None):
    """Paths of the file `name` in every cell of the given settings and models.

    By default those of the report's settings, which the run names, and of all models that it trains.
    """
    return expand(
        f"{CELL}/{name}",
        setting=setting_names(settings or config["settings"]),
        model=MODELS if models is None else models,
        seed=config["seeds"],
    )


def all_cells(settings):
    """Folders of the cells of these settings, as one path for Bash; see braces()."""
    return str(cell_folder(RESULTS, *map(braces, (setting_names(settings), MODELS, config["seeds"]))))


def ensemble_files(name):
    """Paths of the file `name` of every ensemble in every setting of the run."""
    return expand(f"{ENSEMBLE}/{name}", setting=setting_names(config["settings"]), ensemble=ENSEMBLES)


def answer_files():
    """Paths of every answer.zip of the run: of all cells and of all ensembles."""
    return cell_files("answer.zip") + ensemble_files("answer.zip")


def members(name, setting, ensemble):
    """Paths of the file `name` in the cells that an ensemble is made of."""
    cells = (member.split("/") for member in ENSEMBLES[ensemble])
    return [str(cell_folder(RESULTS, setting, model, seed.removeprefix("seed")) / name) for model, seed in cells]


def file_state(path):
    """Hash of a given file (or None). For params, beside an `ancient` input: a fresh clone changes the file's time."""
    return data_hash(path, MEMORY)


def model_entry(wildcards):
    """The entry of a model as JSON, for resolve_config.py.

    It is the entry of models.yaml with what the protocol changes of it and with the config's model_options; see
    fill_model. Its sha256 is left out, which is the business of fetch_weights alone.
    """
    name = wildcards.model
    entry = {key: value for key, value in MODELS[name].items() if key != "sha256"}
    return json.dumps(fill_model(entry, PROTOCOL["models"].get(name), config["model_options"].get(name)))


def weights(wildcards):
    """Path of the weights that a model starts from, COCO's or a bundle's, or [] (no input) for a random start."""
    if BUNDLE:
        return f"{WORK}/bundle.pth"
    return f"work/weights/{wildcards.model}.pth" if TRAINING["weights"] == "coco" else []


def annotations(part):
    """Path pattern of a setting's annotation file. part: train or validation; train means tiles where these are on."""
    name = "tiles" if part == "train" and config["tiles"] else part
    return f"{RESULTS}/data/annotations/{{setting}}/{name}.json"


def training_images(wildcards):
    """Folder that the file names in the training annotations are relative to."""
    return f"{WORK}/tiles/{wildcards.setting}" if config["tiles"] else f"{raw_folder('dataset')}/train"


def tested(name):
    """Input function: the file test.json (with nuclei) or test_images.json (without) of a setting's test images."""
    return lambda wildcards: (
        f"{RESULTS}/data/annotations/{wildcards.setting}/{name}.json"
        if is_fold(wildcards.setting)
        else f"{RESULTS}/data/coco/{name}.json"
    )


def tested_part(wildcards):
    """The part of the raw data, train or test, that a setting's test images belong to."""
    return "train" if is_fold(wildcards.setting) else "test"


def polygons():
    """Whether the training annotations hold polygons; otherwise they hold run-length codes (RLE).

    imantics writes polygons alone, but tiles are cut anew, in the form that the config asks for.
    """
    return config["conversion"]["segmentation"] == "polygon" or (METHOD == "imantics" and not config["tiles"])
