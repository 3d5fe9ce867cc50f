"""Check of the whole config before any work: types, ranges, unknown keys with the nearest known one."""

import difflib
import os
import re
from reprlib import repr as short

import jsonschema
import yaml

from nuclei.common.documents import read_yaml, schema_problems
from nuclei.common.stage import InputError


def retype(value, schema):
    """The value with texts turned into what the schema asks for, and its keys in the schema's order.

    Snakemake's --config leaves numbers as text, YAML 1.1 takes 1e-3 for one, and the keys of an overlay come first:
    one that names a default would make stages run again.
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
        return int(value)  # 2.0 is an integer to JSON schema, but not to a command line
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


def exponents(value):
    """The value with texts such as 1e-3, a number to everyone but YAML 1.1, turned into numbers: for mmdet's keys."""
    if isinstance(value, dict):
        return {key: exponents(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exponents(item) for item in value]
    exponent = isinstance(value, str) and re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+", value)
    return float(value) if exponent else value


def explored_models(config, models):
    """Names of the models that a table of their own shows, beside those of config["models"]."""
    return [
        name
        for name, entry in models.items()
        if config["explored"] and entry.get("explored") and name not in config["models"]
    ]


def ensemble_problems(config, models):
    """A line for each member of an ensemble that is no cell of this run."""
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


def check_config(config, models_file, schema_file):
    """Check a run's config and its models file.

    Returns the models file's content ({"weights_root", "models"}). Texts in `config` become numbers where the schema
    asks for them. Raises InputError with every problem found.
    """
    if not isinstance(models_file, str):
        raise InputError(f"config: models_file is {short(models_file)}, wanted a path; correct it")
    catalogue, schema = read_yaml(models_file), read_yaml(schema_file)
    config.update(retype(dict(config), schema["config"]))
    problems = schema_problems(dict(config), schema["config"])
    problems += [line.replace("config:", f"{models_file}:") for line in schema_problems(catalogue, schema["models"])]
    if not problems:
        config["training"]["options"] = exponents(config["training"]["options"])
        config["model_options"] = exponents(config["model_options"])
        catalogue["models"] = exponents(catalogue["models"])
        known = list(map(str, catalogue["models"]))
        for key, names in (("models", config["models"]), ("model_options", config["model_options"])):
            for name in names:
                if name not in known:
                    near = difflib.get_close_matches(name, known, 1)
                    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
                    problems.append(f"config: {key} names {name}, which {models_file} does not hold; {hint}")
        problems += ensemble_problems(config, catalogue["models"])
        raw = config["raw"]
        if bool(raw["draw"]) == bool(raw["dataset"]["path"]):
            problems.append("config: raw wants either dataset.path or draw, found both or none; set the other to null")
        elif not raw["draw"]:
            for part in ("dataset", "test_masks"):
                path = raw[part]["path"]
                if path and "://" not in path and not os.path.exists(path):
                    problems.append(
                        f"config: raw.{part}.path {path} not found, wanted a folder, archive or URL; correct the path"
                    )
        look, selection = config["inference"], config["selection"]
        if look["window"] and look["overlap"] >= look["window"]:
            problems.append(
                f"config: inference.overlap {look['overlap']} found, wanted less than inference.window {look['window']}"
            )
        if (selection["policy"] == "epoch") != bool(selection["epoch"]):
            problems.append("config: selection.epoch and policy `epoch` belong together; set both or neither")
        split_file = config["split"]["file"]
        if split_file and not os.path.isfile(split_file):
            problems.append(f"config: split.file {split_file} not found, wanted a YAML file; correct the path")
        submissions = config["published"]["submissions"]
        if submissions and not os.path.isdir(submissions):
            problems.append(f"config: published.submissions {submissions} not found, wanted a folder of answer_*.zip")
    if problems:
        raise InputError(*problems)
    return catalogue
