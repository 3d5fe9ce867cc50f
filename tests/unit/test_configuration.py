"""The config: every key has a type, unknown ones are answered with the nearest known one."""

import json

import pytest
import yaml
from conftest import ROOT

from nuclei.workflow.configuration import check_config, retype


def merged(*names):
    """The default config with overlays on top, as Snakemake merges them."""

    def merge(into, new):
        for key, value in new.items():
            if isinstance(value, dict) and isinstance(into.get(key), dict):
                merge(into[key], value)
            else:
                into[key] = value

    config = {}
    for name in ("config", *names):
        merge(config, yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))
    return config


@pytest.fixture
def config(monkeypatch):
    monkeypatch.chdir(ROOT)
    return merged("demo")


def test_demo_is_right(config):
    assert list(check_config(config, "config/models.yaml", "config/schema.yaml")["models"])[0] == "mask_r50"


@pytest.mark.parametrize("names", [[], ["cpu"], ["best"], ["best", "best-gpu"]], ids=str)
def test_other_configs_lack_nothing_but_their_data(config, names):
    found = merged(*names)
    found["raw"]["dataset"]["path"] = "config"  # any folder
    found["raw"]["test_masks"]["path"] = None
    assert check_config(found, "config/models.yaml", "config/schema.yaml")


def test_texts_from_the_command_line_become_numbers(config):
    config |= {"seeds": ["0", "12", 3.0], "settings": ["2", 1.0]}
    config["training"] |= {"lr": "5e-1", "epochs": "7", "photometric": "false", "batch": "null", "weights": "none"}
    config["selection"]["epoch"] = "null"
    check_config(config, "config/models.yaml", "config/schema.yaml")
    assert (config["seeds"], config["settings"], config["selection"]["epoch"]) == ([0, 12, 3], [2, 1], None)
    assert type(config["seeds"][2]) is int and type(config["settings"][1]) is int
    shown = [config["training"][key] for key in ("lr", "epochs", "photometric", "batch", "weights")]
    assert shown == [0.5, 7, False, None, "none"]


def reverse(value):
    """The value with all keys in reverse order."""
    return {key: reverse(value[key]) for key in reversed(value)} if isinstance(value, dict) else value


def test_keys_of_an_overlay_change_no_order(config):
    config["model_options"], config["training"]["options"] = {}, {}  # keys of anyone's
    mixed = reverse(config)
    for one in (config, mixed):
        check_config(one, "config/models.yaml", "config/schema.yaml")
    assert {key: json.dumps(mixed[key]) for key in config} == {key: json.dumps(config[key]) for key in config}


def test_the_schema_has_the_configs_order():
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    found = retype(config, yaml.safe_load((ROOT / "config/schema.yaml").read_text())["config"])
    assert json.dumps({key: found[key] for key in config}) == json.dumps(config)


def test_numbers_with_an_exponent_and_no_point_are_numbers_in_options(config):
    config["training"]["options"] = yaml.safe_load("{a: 1e-3, b: [2E5, one, 1.2.3e5], c: 3e, d: net-1e4}")
    config["model_options"] = yaml.safe_load("{mask_r50: {optimizer.lr: 5e-5}}")
    check_config(config, "config/models.yaml", "config/schema.yaml")
    assert config["training"]["options"] == {"a": 0.001, "b": [2e5, "one", "1.2.3e5"], "c": "3e", "d": "net-1e4"}
    assert config["model_options"] == {"mask_r50": {"optimizer.lr": 0.00005}}


def test_every_key_is_documented():
    text = (ROOT / "config/README.md").read_text()
    schema = yaml.safe_load((ROOT / "config/schema.yaml").read_text())["config"]

    def keys(node, prefix=""):
        for name, child in node.get("properties", {}).items():
            yield f"{prefix}{name}"
            yield from keys(child, f"{prefix}{name}.")

    missing = [key for key in keys(schema) if f"`{key}`" not in text]
    assert not missing
