"""The config: every key has a type, unknown ones are answered with the nearest known one."""

import copy

import pytest
import yaml
from conftest import ROOT

from nuclei.configuration import check_config
from nuclei.stage import InputError


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


def problems(config):
    with pytest.raises(InputError) as caught:
        check_config(config, "config/models.yaml", "config/schema.yaml")
    return caught.value.problems


def test_demo_is_right(config):
    assert list(check_config(config, "config/models.yaml", "config/schema.yaml")["models"])[0] == "mask_r50"


@pytest.mark.parametrize("name", ["cpu", None])
def test_other_configs_lack_nothing_but_their_data(config, name):
    found = merged(*([name] if name else []))
    found["raw"]["dataset"]["path"] = "config"  # any folder
    found["raw"]["test_masks"]["path"] = None
    assert check_config(found, "config/models.yaml", "config/schema.yaml")


@pytest.mark.parametrize(
    ("path", "value", "wanted"),
    [
        ("trainig", {}, "config: unknown key trainig; did you mean training?"),
        ("training.epoch", 3, "config: unknown key training.epoch; did you mean epochs?"),
        ("training.epochs", "many", "config: training.epochs is 'many', wanted type integer"),
        ("training.epochs", 0, "config: training.epochs is 0, wanted minimum 1"),
        ("training.weights", "imagenet", "config: training.weights is 'imagenet', wanted one of ['coco', 'none']"),
        (
            "models",
            ["mask_r5"],
            "config: models names mask_r5, which config/models.yaml does not hold; did you mean mask_r50?",
        ),
        ("model_options", {"x": {}}, "config: model_options names x"),
        ("settings", [3], "config: settings.0 is 3, wanted one of [1, 2]"),
        ("seeds", [], "config: seeds: [] should be non-empty"),
        ("raw.draw", None, "config: raw wants either dataset.path or draw, found both or none"),
        ("raw.dataset.path", "x", "config: raw wants either dataset.path or draw"),
        ("raw.dataset.sha256", "abc", "config: raw.dataset.sha256 is 'abc', wanted the form ^[0-9a-f]{64}$"),
        ("selection.policy", "epoch", "config: selection.epoch and policy `epoch` belong together"),
        ("published.submissions", "nowhere", "config: published.submissions nowhere not found"),
        ("compute.device", "tpu", "config: compute.device is 'tpu'"),
        ("run", "../x", "config: run is '../x'"),
    ],
)
def test_faults_are_named(config, path, value, wanted):
    *parents, last = path.split(".")
    node = config
    for key in parents:
        node = node[key]
    node[last] = value
    found = problems(config)
    assert any(problem.startswith(wanted) for problem in found), found


def test_texts_from_the_command_line_become_numbers(config):
    config |= {"seeds": ["0", "12"], "settings": ["2"]}
    config["training"] |= {"lr": "0.5", "epochs": "7", "photometric": "false", "batch": "null", "weights": "none"}
    config["selection"]["epoch"] = "null"
    check_config(config, "config/models.yaml", "config/schema.yaml")
    assert (config["seeds"], config["settings"], config["selection"]["epoch"]) == ([0, 12], [2], None)
    shown = [config["training"][key] for key in ("lr", "epochs", "photometric", "batch", "weights")]
    assert shown == [0.5, 7, False, None, "none"]


def test_missing_data_is_named(config):
    config["raw"]["draw"] = None
    config["raw"]["dataset"]["path"] = "nowhere.tar"
    assert problems(config)[0].startswith(
        "config: raw.dataset.path nowhere.tar not found, wanted a folder, archive or URL"
    )


def test_all_faults_come_at_once(config):
    broken = copy.deepcopy(config)
    broken["training"]["epochs"] = -1
    broken["runs"] = 1
    broken["tiles"] = {"size": 256}
    assert len(problems(broken)) == 4  # two keys of tiles are missing


def test_every_key_is_documented():
    text = (ROOT / "config/README.md").read_text()
    schema = yaml.safe_load((ROOT / "config/schema.yaml").read_text())["config"]

    def keys(node, prefix=""):
        for name, child in node.get("properties", {}).items():
            yield f"{prefix}{name}"
            yield from keys(child, f"{prefix}{name}.")

    missing = [key for key in keys(schema) if f"`{key}`" not in text]
    assert not missing
