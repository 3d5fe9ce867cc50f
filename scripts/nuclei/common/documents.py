"""YAML files, read and checked against a JSON schema, with one line for each problem."""

import difflib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from reprlib import repr as short  # unlike repr(), it stays short for a value of any depth and length
from typing import Any, cast

import jsonschema
import yaml

from nuclei.common.stage import InputError


def read_yaml(path: Path | str) -> Any:
    """Content of a YAML file in UTF-8 or UTF-16. Raises InputError where it is missing or not YAML."""
    try:
        return yaml.safe_load(Path(path).read_bytes())  # PyYAML tells the encodings apart by the byte order mark
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), wanted a YAML file; check the path") from None
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # PyYAML 6.0.3 lets errors of Python through for impossible dates and numbers, such as 2024-13-45
        found = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: not YAML ({found}), wanted a YAML file; correct it") from None


def unknown_key_problems(error: jsonschema.ValidationError) -> Iterator[str]:
    """One line for each key that the schema does not know, with the most similar key that it knows.

    error: jsonschema's `additionalProperties` error, which covers all unknown keys of one object.
    """
    known = list(cast("dict[str, Any]", error.schema).get("properties", {}))
    where = ".".join(map(str, error.absolute_path))
    for key in sorted(set(cast("dict[str, Any]", error.instance)) - set(known), key=str):
        near = difflib.get_close_matches(str(key), known, 1)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        yield f"config: unknown key {f'{where}.' if where else ''}{key}; {hint}"


def not_finite(value: object, where: str = "") -> Iterator[tuple[str, float]]:
    """Yield (key path, number) for each number that is not finite.

    YAML has .inf and .nan, which JSON schema takes for numbers and lets pass. where: key path of `value` itself.
    """
    if isinstance(value, float) and not math.isfinite(value):
        yield where, value
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from not_finite(item, f"{where}.{key}".lstrip("."))


def schema_problems(value: object, schema: Mapping[str, Any]) -> list[str]:
    """All violations of a JSON schema (draft 2020-12), one line each, sorted; an empty list where there is none.

    Each line starts with `config: `, which callers replace by the name of another file.
    """
    problems = [
        f"config: {where} is {number}, wanted a finite number; correct it" for where, number in not_finite(value)
    ]
    for error in jsonschema.Draft202012Validator(schema).iter_errors(value):
        where = ".".join(map(str, error.absolute_path)) or "top level"
        if error.validator == "additionalProperties":
            problems += unknown_key_problems(error)
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
