"""Protocols: what the report says, what its author ran, what fits the schedule; see docs/protocols.md."""

import difflib

from nuclei.common.documents import read_yaml, schema_problems
from nuclei.common.stage import InputError


def read_protocol(name, models, path="config/protocols.yaml", schema_file="config/schema.yaml"):
    """The named protocol: {"training": {key: value}, "models": {model: {"zoo", "options"}}}.

    models: the names of the models file, which need not hold those of models.yaml that the protocols name.
    InputError names an unknown protocol, key or model with the nearest known one.
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


def fill_training(training, protocol):
    """The config's `training` with its null keys filled by the protocol."""
    return {key: protocol["training"].get(key) if value is None else value for key, value in training.items()}


def fill_model(entry, changed, own_options=None):
    """A model's entry as nuclei.models.resolve takes it: zoo config and options of the protocol, then its own on top.

    entry: models.yaml's. changed: the protocol's, or None. own_options: the config's model_options.
    """
    changed = changed or {}
    return {
        "zoo": changed.get("zoo", entry["zoo"]),
        "protocol_options": changed.get("options") or {},
        "options": {**(entry.get("options") or {}), **(own_options or {})},
    }
