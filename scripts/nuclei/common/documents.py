"""YAML files, read and checked against a JSON schema, with one line for each problem."""

import difflib
import math
from pathlib import Path
from reprlib import repr as short  # of any depth and length

import jsonschema
import yaml

from nuclei.common.stage import InputError


def read_yaml(path):
    """Content of a YAML file; InputError where it is missing or not YAML."""
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), wanted a YAML file; check the path") from None
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        found = " ".join(str(error).split())[:160]  # PyYAML leaves the errors of bad dates and numbers as they are
        raise InputError(f"{path}: not YAML ({found}), wanted a YAML file; correct it") from None


def unknown_keys(error):
    """One line for each key that the schema does not know, with the nearest that it knows."""
    known = list(error.schema.get("properties", {}))
    where = ".".join(map(str, error.absolute_path))
    for key in sorted(set(error.instance) - set(known), key=str):
        near = difflib.get_close_matches(str(key), known, 1)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        yield f"config: unknown key {f'{where}.' if where else ''}{key}; {hint}"


def endless(value, where=""):
    """(path, number) of each number that is not finite; JSON schema lets them pass."""
    if isinstance(value, float) and not math.isfinite(value):
        yield where, value
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from endless(item, f"{where}.{key}".lstrip("."))


def schema_problems(value, schema):
    """All violations of a JSON schema, a line each."""
    problems = [f"config: {where} is {number}, wanted a finite number; correct it" for where, number in endless(value)]
    for error in jsonschema.Draft202012Validator(schema).iter_errors(value):
        where = ".".join(map(str, error.absolute_path)) or "top level"
        if error.validator == "additionalProperties":
            problems += unknown_keys(error)
        elif error.validator in ("type", "enum", "minimum", "maximum", "exclusiveMinimum", "pattern"):
            wanted = {"type": "type ", "enum": "one of ", "pattern": "the form "}.get(
                error.validator, f"{error.validator} "
            )
            problems.append(
                f"config: {where} is {short(error.instance)}, wanted {wanted}{error.validator_value}; correct it"
            )
        else:
            problems.append(f"config: {where}: {error.message:.160}; correct it")
    return sorted(problems)
