"""Protocols: what the report says, what its author ran, what fits the schedule; see docs/protocols.md."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from nuclei.common.documents import read_yaml, schema_problems
from nuclei.common.stage import InputError
from nuclei.workflow.training_section import Training
from nuclei.workflow.types import FilledModel, ModelChanges, ModelEntry, ProtocolChanges


def read_protocol(
    name: str,
    models: Iterable[str],
    path: Path | str = "config/protocols.yaml",
    schema_file: Path | str = "config/schema.yaml",
) -> ProtocolChanges:
    """The named protocol of the file `path`.

    models: names that the run's models file holds. The protocols may also name models of config/models.yaml, so that a
    models file of one's own can do without them.
    Raises InputError with every unknown key, model or protocol, each with the most similar name that is known.
    """
    protocols = read_yaml(path)
    problems = schema_problems(protocols, read_yaml(schema_file)["protocols"])
    problems = [line.replace("config:", f"{path}:", 1) for line in problems]
    if not problems:
        known = {**read_yaml("config/models.yaml")["models"], **dict.fromkeys(models)}
        problems = [
            f"{path}: {protocol} names {model}, wanted one of {', '.join(known)}; correct the name"
            for protocol, content in protocols.items()
            for model in content["models"]
            if model not in known
        ]
        if name not in protocols:
            near = difflib.get_close_matches(name, protocols, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(protocols)}"
            problems.append(f"config: protocol {name} is not in {path}; {hint}")
    if problems:
        raise InputError(*problems)
    return protocols[name]


def fill_training(training: Mapping[str, Any], protocol: ProtocolChanges) -> Training:
    """The config's `training` with its null keys filled by the protocol; what the protocol leaves out stays null."""
    filled = {key: protocol["training"].get(key) if value is None else value for key, value in training.items()}
    return cast(Training, filled)  # config/schema.yaml checked both parts


def fill_model(
    entry: ModelEntry, changed: ModelChanges | None, own_options: Mapping[str, Any] | None = None
) -> FilledModel:
    """A model's entry as nuclei.models.resolve takes it.

    entry: of models.yaml. changed: what the protocol changes of the model, or None. own_options: the config's
    model_options for it. The protocol may replace the zoo config. Its options are kept apart, because they are set
    first of all; those of models.yaml, and over them those of model_options, are set last of all.
    """
    changed = changed or {}
    return {
        "zoo": changed.get("zoo", entry["zoo"]),
        "protocol_options": changed.get("options") or {},
        "options": {**(entry.get("options") or {}), **(own_options or {})},
    }
