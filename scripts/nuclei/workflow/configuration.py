"""Check of the whole config before any work: types, ranges, names and paths, and what does not go together.

Functions named `..._problems` yield one line for each problem.
"""

import codecs
import difflib
import os
import re
from collections.abc import Iterator, Mapping
from reprlib import repr as short
from typing import Any

import jsonschema
import yaml

from nuclei.common.classes import class_problem
from nuclei.common.documents import read_yaml, schema_problems
from nuclei.common.stage import InputError
from nuclei.workflow.types import Catalogue, ModelEntry

PATHS = (  # keys of the config that hold the path of a file or folder
    ("models_file",),
    ("raw", "dataset", "path"),
    ("raw", "test_masks", "path"),
    ("raw", "test", "path"),
    ("raw", "test", "file"),
    ("raw", "groups", "file"),
    ("split", "file"),
    ("folds", "groups"),
    ("weights_folder",),
    ("training", "weights"),
    ("published", "submissions"),
    ("images",),
    ("model",),
    ("export", "folder"),
)

WITH_CLASSES = ("coco_json", "geojson")  # formats that name the class of a nucleus

# The report's data, by the names under which they are looked for.
KNOWN_DATASET, KNOWN_MASKS = "data/vrdl-raw.tar.xz", "data/vrdl-test-masks.tar.xz"


def retype(value: Any, schema: Mapping[str, Any]) -> Any:
    """The value with texts turned into the types that the JSON schema asks for, and with keys in the schema's order.

    Texts: Snakemake's --config leaves numbers as text, and so does YAML 1.1 with numbers like 1e-3. Order: Snakemake
    puts the keys of an overlay first. If the overlay only repeats a default, a param with such a dict would then have
    another order, look changed, and run its stage again. A value that fits no type of the schema stays as it is; the
    check reports it later.
    """
    for option in schema.get("anyOf", []):
        changed = retype(value, option)
        if jsonschema.Draft202012Validator(option).is_valid(changed):
            return changed
    kinds = schema.get("type", [])
    if isinstance(value, dict):
        known = schema.get("properties", {})
        keys = [*filter(value.__contains__, known), *(key for key in value if key not in known)]
        return {key: retype(value[key], known.get(key, {})) for key in keys}
    if isinstance(value, list):
        return [retype(item, schema.get("items", {})) for item in value]
    if isinstance(value, float) and value.is_integer() and ("integer" in kinds or "enum" in schema):
        return int(value)  # JSON schema takes 2.0 for an integer, but the stages' command lines do not
    if not isinstance(value, str) or value in schema.get("enum", []):
        return value
    if value == "null" and "null" in kinds:
        return None
    if "enum" in schema or (kinds and "string" not in kinds):
        try:
            return float(value) if "number" in kinds and "e" in value.lower() else yaml.safe_load(value)
        except (ValueError, yaml.YAMLError):
            return value
    return value


def numbers_with_exponents(value: Any) -> Any:
    """The value with texts such as 1e-3 turned into numbers: everyone but YAML 1.1 takes them for numbers.

    For keys of mmdet's configs, for which there is no schema; see retype for the others.
    """
    if isinstance(value, dict):
        return {key: numbers_with_exponents(item) for key, item in value.items()}
    if isinstance(value, list):
        return [numbers_with_exponents(item) for item in value]
    exponent = isinstance(value, str) and re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+", value)
    return float(value) if exponent else value


def explored_models(config: Mapping[str, Any], models: Mapping[str, ModelEntry]) -> list[str]:
    """Names of the models that the report tried and dropped, for a table of their own; none unless `explored` is set.

    config: the run's. models: entries of models.yaml, whose order the result has. Models that config["models"] names
    are left out, since they are in the report's tables already.
    """
    return [
        name
        for name, entry in models.items()
        if config["explored"] and entry.get("explored") and name not in config["models"]
    ]


def model_name_problems(config: Mapping[str, Any], models_file: str, known: list[str]) -> Iterator[str]:
    """Names in `models` and `model_options` that the models file does not hold."""
    for key, names in (("models", config["models"]), ("model_options", config["model_options"])):
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
                yield f"config: {key} names {name}, which {models_file} does not hold; {hint}"


def ensemble_problems(config: Mapping[str, Any], models: Mapping[str, ModelEntry]) -> Iterator[str]:
    """Members of ensembles that are no cells of this run."""
    trained = [*config["models"], *explored_models(config, models)]
    cells = [f"{model}/seed{seed}" for model in trained for seed in config["seeds"]]
    for name, members in config["ensembles"].items():
        for member in members or []:
            if member not in cells:
                near = difflib.get_close_matches(member, cells, 1, 0) or cells
                yield (
                    f"config: ensembles.{name} names {member}, which this run does not train, wanted a cell such as "
                    f"{near[0]}; correct it, add it to models and seeds, or set ensembles.{name} to null"
                )


def take_known_masks(raw: dict[str, Any]) -> None:
    """Replace the path `auto` of the test masks, in place, by the known archive if it belongs to the data set, or None.

    raw: the config's section. The known masks are those of the known data set alone.
    """
    if raw["test_masks"]["path"] == "auto":
        there = raw["dataset"]["path"] == KNOWN_DATASET and os.path.exists(KNOWN_MASKS)
        raw["test_masks"]["path"] = KNOWN_MASKS if there else None


def bundle_problems(key: str, bundle: str, wanted: str) -> Iterator[str]:
    """A model bundle, the value of a key, that is not there, or a URL of one without its hash."""
    if "://" in bundle and not re.search(r"#sha256=[0-9a-f]{64}$", bundle):
        yield f"config: {key} {bundle} is a URL without #sha256= and 64 hex digits; add what make bundle says"
    elif "://" not in bundle and not os.path.exists(bundle):
        yield f"config: {key} {bundle} not found, wanted {wanted}; correct the path"


def image_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Images without a model or the other way round, and a model that is not there."""
    model = config["model"]
    if bool(config["images"]) != bool(model):
        yield "config: images and model belong together, found one of them; set both or neither"
    elif model:
        yield from bundle_problems("model", model, "a bundle or the folder of a cell")


def raw_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    """Raw data that is not there, or that is both given and to be drawn. raw: the config's section."""
    if bool(raw["draw"]) == bool(raw["dataset"]["path"]):
        yield "config: raw wants either dataset.path or draw, found both or none; set the other to null"
    if problem := class_problem(raw["classes"]):
        yield f"config: raw.classes: {problem}; correct it"
    if len(raw["classes"]) > 1 and (raw["draw"] or raw["format"] not in ("auto", *WITH_CLASSES)):
        yield (
            f"config: raw.classes: {len(raw['classes'])} classes found with data that name none, wanted one, or data "
            f"in the format {' or '.join(WITH_CLASSES)}; correct one"
        )
    if not raw["draw"] and raw["dataset"]["path"]:
        if raw["test"]["file"] and not os.path.isfile(raw["test"]["file"]):
            yield f"config: raw.test.file {raw['test']['file']} not found, wanted a list of image ids; correct the path"
        for part in ("dataset", "test_masks", "test"):
            path = raw[part]["path"]
            if path and "://" in path and not raw[part]["sha256"]:
                yield f"config: raw.{part}.path {path} is a URL without raw.{part}.sha256, wanted both; set the hash"
            if path and "://" not in path and not os.path.exists(path):
                yield f"config: raw.{part}.path {path} not found, wanted a folder, archive or URL; correct the path"


def kept_for_sure(epoch: int, config: Mapping[str, Any]) -> bool:
    """Whether the weights of an epoch stay on disk whatever the scores are; see nuclei.training.kept_epochs."""
    epochs, validated = config["training"]["epochs"], config["training"]["validate_every"]
    best, every = config["checkpoints"]["best"], config["checkpoints"]["every"]
    scored = [n for n in range(1, epochs + 1) if n % validated == 0 or n == epochs] if validated else []
    return epoch == epochs or bool(every and epoch % every == 0) or (epoch in scored and best >= len(scored))


def selection_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Policies that no training under this config can serve: the chosen epoch is not trained, kept or scored."""
    selection, epochs = config["selection"], config["training"]["epochs"]
    epoch = selection["epoch"]
    if (selection["policy"] == "epoch") != bool(epoch):
        yield "config: selection.epoch and policy `epoch` belong together; set both or neither"
    elif epoch and epochs is None:
        yield (
            f"config: selection.epoch {epoch} found with training.epochs null, so that nobody knows its epochs before, "
            "wanted null; set it, and selection.policy to best or last"
        )
    elif epoch and epoch > epochs:
        yield (
            f"config: selection.epoch {epoch} found, wanted at most training.epochs {epochs}; "
            "lower selection.epoch or raise training.epochs"
        )
    elif epoch and not kept_for_sure(epoch, config):
        yield (
            f"config: selection.epoch {epoch} found, whose weights may not be kept, wanted the last epoch {epochs} or "
            f"a multiple of checkpoints.every; set checkpoints.every to a divisor of {epoch}"
        )
    if selection["policy"] == "best" and not config["training"]["validate_every"]:
        yield (
            "config: training.validate_every 0 found, wanted 1 or more with selection.policy best; "
            "set it, or selection.policy to last or epoch"
        )


def training_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Values of `training` that do not go together, or not with the data or the device."""
    training, tiles = config["training"], config["tiles"]
    if bool(training["epochs"]) == bool(training["minutes"]):
        found = " and ".join(f"training.{key} {training[key] or 'null'}" for key in ("epochs", "minutes"))
        yield f"config: {found} found, wanted one of them and null for the other; correct one"
    if training["minutes"] and training["schedule"] != "cosine":
        yield (
            f"config: training.schedule {training['schedule'] or 'null'} found, wanted cosine with training.minutes, "
            "since the number of epochs is not known before; correct one"
        )
    if tiles and tiles["stride"] > tiles["size"]:
        yield (
            f"config: tiles.stride {tiles['stride']} found, wanted at most tiles.size {tiles['size']}, since tissue "
            "between the tiles would be left out; correct one"
        )
    if training["weights"] not in ("coco", "none"):
        yield from bundle_problems("training.weights", training["weights"], "coco, none or a model bundle")
    if training["weights"] == "coco" and training["width"] != 1:
        yield (
            f"config: training.width {training['width']} found, wanted 1 with training.weights coco, whose layers have "
            "all channels; set training.weights to none or training.width to 1"
        )
    if training["weights"] == "coco" and training["depth"] != 1:
        yield (
            f"config: training.depth {training['depth']} found, wanted 1 with training.weights coco, whose backbone "
            "has all blocks; set training.weights to none or training.depth to 1"
        )
    if config["compute"]["gpus"] > 1 and ":" in config["compute"]["device"]:
        yield (
            f"config: compute.device {config['compute']['device']} found, wanted cuda, auto or cpu with compute.gpus "
            f"{config['compute']['gpus']}; correct one"
        )
    if training["precision"] == "fp16" and config["compute"]["device"] == "cpu":
        yield (
            "config: training.precision fp16 found, wanted fp32 or bf16 with compute.device cpu; "
            "correct it or take a GPU"
        )


def other_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Other values that do not go together, and files other than raw data that are not there."""
    look = config["inference"]
    if look["window"] and look["overlap"] >= look["window"]:
        yield (
            f"config: inference.overlap {look['overlap']} found, wanted less than inference.window {look['window']}; "
            "correct one"
        )
    split_file = config["split"]["file"]
    if split_file and not os.path.isfile(split_file):
        yield f"config: split.file {split_file} not found, wanted a YAML file; correct the path"
    known = config["raw"]["groups"]["file"]
    if known and not os.path.isfile(known):
        yield f"config: raw.groups.file {known} not found, wanted a CSV or TSV of groups; correct the path"
    groups = config["folds"] and config["folds"]["groups"]
    if groups and not os.path.isfile(groups):
        yield f"config: folds.groups {groups} not found, wanted a CSV or TSV of groups; correct the path"
    if known and config["folds"] and not groups:
        yield (
            f"config: raw.groups.file {known} found with folds.groups null, wanted folds that divide no group either; "
            "set folds.groups and folds.column too"
        )
    submissions = config["published"]["submissions"]
    if submissions and not os.path.isdir(submissions):
        yield f"config: published.submissions {submissions} not found, wanted a folder of answer_*.zip"
    elif submissions and not config["raw"]["draw"] and not config["raw"]["test_masks"]["path"]:
        yield (
            f"config: published.submissions {submissions} found without test masks, wanted masks to score them by; "
            f"put {KNOWN_MASKS} there or set raw.test_masks.path"
        )


def check_encoding(path: str | os.PathLike[str]) -> None:
    """InputError where a config file that Snakemake is about to read is no text in UTF-8, of which it knows no other.

    A byte order mark and line ends of Windows are no problem. A file that is not there is Snakemake's to report.
    """
    try:
        with open(path, encoding="utf-8") as file:
            right = "\0" not in file.read()  # as in UTF-16 without a byte order mark
    except FileNotFoundError:
        return
    except UnicodeDecodeError:
        right = False
    if not right:
        with open(path, "rb") as binary:
            start = binary.read(4)
        found = "UTF-16" if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or 0 in start else "other bytes"
        raise InputError(f"{path}: {found} found, wanted text in UTF-8; save it as UTF-8")


def expand_home(config: dict[str, Any]) -> None:
    """Replace `~` and `~user` at the start of every path in a run's config by the home folder, in place.

    Call it before check_config. Only the shell does this for people, and it does so on command lines alone.
    """
    for *sections, key in PATHS:
        node: Any = config
        for section in sections:
            node = node.get(section) if isinstance(node, dict) else None
        if isinstance(node, dict) and isinstance(node.get(key), str):
            node[key] = os.path.expanduser(node[key])
        elif isinstance(node, dict) and isinstance(node.get(key), list):
            node[key] = [os.path.expanduser(path) if isinstance(path, str) else path for path in node[key]]


def check_config(config: dict[str, Any], models_file: str, schema_file: str) -> Catalogue:
    """Check a run's config and its models file, before any work.

    config: Snakemake's; it is changed in place: texts become numbers where the schema asks for them, keys get the
    schema's order (see retype), and test masks that lie under their known name are named. models_file, schema_file:
    paths of models.yaml and schema.yaml.
    Returns the models file's content. Raises InputError with every problem of form; where there is none, with every
    problem of content (names, paths, what does not go together).
    """
    if not isinstance(models_file, str):
        raise InputError(f"config: models_file is {short(models_file)}, wanted a path; correct it")
    catalogue, schema = read_yaml(models_file), read_yaml(schema_file)
    config.update(retype(dict(config), schema["config"]))
    problems = schema_problems(dict(config), schema["config"])
    problems += [line.replace("config:", f"{models_file}:") for line in schema_problems(catalogue, schema["models"])]
    if not problems:
        config["training"]["options"] = numbers_with_exponents(config["training"]["options"])
        config["model_options"] = numbers_with_exponents(config["model_options"])
        catalogue["models"] = numbers_with_exponents(catalogue["models"])
        take_known_masks(config["raw"])
        problems += model_name_problems(config, models_file, list(map(str, catalogue["models"])))
        problems += ensemble_problems(config, catalogue["models"])
        # to predict on new images no raw data are needed
        problems += [] if config["images"] else raw_problems(config["raw"])
        problems += image_problems(config)
        problems += selection_problems(config)
        problems += training_problems(config)
        problems += other_problems(config)
    if problems:
        raise InputError(*problems)
    return catalogue
