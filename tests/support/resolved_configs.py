"""Resolved configs of models.yaml's models, as the tests of models, training and plan take them."""

import yaml
from conftest import ROOT
from mmcv import Config

import nuclei.models.shallow  # noqa: F401  # registers what custom_imports of a config.py would import
from nuclei.common.classes import CLASSES
from nuclei.models.resolve import resolve
from nuclei.models.zoo import zoo_path
from nuclei.workflow.protocols import fill_training, read_protocol

MODELS = yaml.safe_load((ROOT / "config/models.yaml").read_text())["models"]
PATHS = {part: {"annotations": f"{part}.json", "images": f"images/{part}"} for part in ("train", "val", "test")}


def training(name):
    """The `training` section of a config, on top of the default's."""
    section = yaml.safe_load((ROOT / "config/config.yaml").read_text())["training"]
    return section | (yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()).get("training") or {})


def zoo(model):
    """The zoo config of a model, a new copy each time."""
    return Config.fromfile(str(zoo_path(MODELS[model]["zoo"])))._cfg_dict.to_dict()


def entry(model, name):
    """The entry of models.yaml with the config's own options for the model."""
    own = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()).get("model_options") or {}
    return MODELS[model] | {"options": (MODELS[model].get("options") or {}) | (own.get(model) or {})}


def resolved(model, name="demo", weights=None, polygons=True, classes=CLASSES, **change):
    """The resolved config of a model under config/<name>.yaml, with changed `training` keys."""
    section = training(name) | change
    return resolve(zoo(model), entry(model, name), section, PATHS, 3, polygons, weights, classes=classes)


def resolved_under(model, protocol, **change):
    """A model's config under a protocol, as the pipeline resolves it."""
    content = read_protocol(protocol, MODELS)
    changed = content["models"].get(model) or {}
    entry = {**MODELS[model], "protocol_options": changed.get("options")}
    zoo = Config.fromfile(str(zoo_path(changed.get("zoo", MODELS[model]["zoo"]))))._cfg_dict.to_dict()
    section = fill_training(training("config") | change, content)
    return resolve(zoo, entry, section, PATHS, 0, True, "w.pth")
