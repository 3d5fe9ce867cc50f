"""The default config with overlays on top."""

import yaml
from conftest import ROOT


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
