"""The dicts of models.yaml, protocols.yaml and of a model's filled entry, as types. config/schema.yaml checks them."""

from typing import Any, NotRequired, TypedDict


class ModelEntry(TypedDict):
    """A model of models.yaml. nuclei/models/catalogue.py says how to add one."""

    method: str  # this key and the next three are the first columns of the tables
    backbone: str
    multiscale: bool  # whether the training images come in several scales
    lr_schd: str  # name of the zoo's schedule, such as 3x
    zoo: str  # config of mmdet 2.28.2: folder/name, without .py
    weights: str  # path of the COCO checkpoint below weights_root
    sha256: NotRequired[str | None]  # of that file, 64 hex digits; None where it is not known
    options: NotRequired[dict[str, Any]]  # {dotted path of an mmdet config's key: value}
    explored: NotRequired[bool]  # whether the report tried the model and dropped it


class Catalogue(TypedDict):
    """Content of models.yaml."""

    weights_root: str  # URL, ends in /
    models: dict[str, ModelEntry]


class ModelChanges(TypedDict):
    """What a protocol changes of one model."""

    zoo: NotRequired[str]
    options: NotRequired[dict[str, Any]]


class ProtocolChanges(TypedDict):
    """What a protocol of protocols.yaml changes."""

    training: dict[str, Any]  # values for keys of the config's `training` that are null
    models: dict[str, ModelChanges]


class FilledModel(TypedDict):
    """What resolve_config.py takes of a model: its zoo config, options to set first of all, and options to set last."""

    zoo: str
    protocol_options: dict[str, Any]
    options: dict[str, Any]
