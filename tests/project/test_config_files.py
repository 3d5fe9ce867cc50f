"""The project's config files: each overlay is right, and every key is documented."""

import json

import pytest
import yaml
from conftest import ROOT
from support.merged_config import merged

from nuclei.workflow.configuration import check_config, retype


@pytest.mark.parametrize("names", [[], ["cpu"], ["best"], ["best", "best-gpu"], ["best", "best-gpu-minutes"]], ids=str)
def test_other_configs_lack_nothing_but_their_data(names, monkeypatch):
    monkeypatch.chdir(ROOT)
    found = merged(*names)
    found["raw"]["dataset"]["path"] = "config"  # any folder
    found["raw"]["test_masks"]["path"] = None
    assert check_config(found, "config/models.yaml", "config/schema.yaml")


def test_the_schema_has_the_configs_order():
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    found = retype(config, yaml.safe_load((ROOT / "config/schema.yaml").read_text())["config"])
    assert json.dumps({key: found[key] for key in config}) == json.dumps(config)


def test_every_key_is_documented():
    text = (ROOT / "config/README.md").read_text()
    schema = yaml.safe_load((ROOT / "config/schema.yaml").read_text())["config"]

    def keys(node, prefix=""):
        for name, child in node.get("properties", {}).items():
            yield f"{prefix}{name}"
            yield from keys(child, f"{prefix}{name}.")

    missing = [key for key in keys(schema) if f"`{key}`" not in text]
    assert not missing
