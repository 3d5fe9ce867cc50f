"""Check of the whole config before any work: types, ranges, unknown keys with the nearest known one."""

import difflib
from pathlib import Path

import jsonschema
import yaml

from nuclei.stage import InputError


def read_yaml(path):
    """Content of a YAML file; InputError where it is missing or not YAML."""
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), wanted a YAML file; check the path") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML ({' '.join(str(error).split())[:160]}); correct it") from None


def retype(value, schema):
    """The value with texts turned into what the schema asks for: Snakemake's --config leaves numbers as text."""
    kinds = schema.get("type", [])
    if isinstance(value, dict):
        return {key: retype(item, schema.get("properties", {}).get(key, {})) for key, item in value.items()}
    if isinstance(value, list):
        return [retype(item, schema.get("items", {})) for item in value]
    if not isinstance(value, str) or value in schema.get("enum", []):
        return value
    if value == "null" and "null" in kinds:
        return None
    if "enum" in schema or (kinds and "string" not in kinds):
        return yaml.safe_load(value)
    return value


def unknown_keys(error):
    """One line for each key that the schema does not know, with the nearest that it knows."""
    known = list(error.schema.get("properties", {}))
    where = ".".join(map(str, error.absolute_path))
    for key in sorted(set(error.instance) - set(known), key=str):
        near = difflib.get_close_matches(str(key), known, 1)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        yield f"config: unknown key {f'{where}.' if where else ''}{key}; {hint}"


def schema_problems(value, schema):
    """All violations of a JSON schema, a line each."""
    problems = []
    for error in jsonschema.Draft202012Validator(schema).iter_errors(value):
        where = ".".join(map(str, error.absolute_path)) or "top level"
        if error.validator == "additionalProperties":
            problems += unknown_keys(error)
        elif error.validator in ("type", "enum", "minimum", "maximum", "exclusiveMinimum", "pattern"):
            wanted = {"type": "type ", "enum": "one of ", "pattern": "the form "}.get(
                error.validator, f"{error.validator} "
            )
            problems.append(
                f"config: {where} is {error.instance!r}, wanted {wanted}{error.validator_value}; correct it"
            )
        else:
            problems.append(f"config: {where}: {error.message}; correct it")
    return sorted(problems)


def check_config(config, models_file, schema_file):
    """Check a run's config and its models file.

    Returns the models file's content ({"weights_root", "models"}). Texts in `config` become numbers where the schema
    asks for them. Raises InputError with every problem found.
    """
    catalogue, schema = read_yaml(models_file), read_yaml(schema_file)
    config.update(retype(dict(config), schema["config"]))
    problems = schema_problems(dict(config), schema["config"])
    problems += [line.replace("config:", f"{models_file}:") for line in schema_problems(catalogue, schema["models"])]
    if not problems:
        known = list(catalogue["models"])
        for key, names in (("models", config["models"]), ("model_options", config["model_options"])):
            for name in names:
                if name not in known:
                    near = difflib.get_close_matches(name, known, 1)
                    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
                    problems.append(f"config: {key} names {name}, which {models_file} does not hold; {hint}")
        raw = config["raw"]
        if bool(raw["draw"]) == bool(raw["dataset"]["path"]):
            problems.append("config: raw wants either dataset.path or draw, found both or none; set the other to null")
        elif not raw["draw"]:
            for part in ("dataset", "test_masks"):
                path = raw[part]["path"]
                if path and "://" not in path and not Path(path).exists():
                    problems.append(
                        f"config: raw.{part}.path {path} not found, wanted a folder, archive or URL; correct the path"
                    )
        selection = config["selection"]
        if (selection["policy"] == "epoch") != bool(selection["epoch"]):
            problems.append("config: selection.epoch and policy `epoch` belong together; set both or neither")
        submissions = config["published"]["submissions"]
        if submissions and not Path(submissions).is_dir():
            problems.append(f"config: published.submissions {submissions} not found, wanted a folder of answer_*.zip")
    if problems:
        raise InputError(*problems)
    return catalogue
