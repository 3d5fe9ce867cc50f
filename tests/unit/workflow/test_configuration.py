"""The config: every key has a type, unknown ones are answered with the nearest known one."""

import itertools
import json
import re

import pytest
import yaml
from conftest import ROOT
from support.merged_config import merged

from nuclei.common.stage import InputError
from nuclei.training.kept_epochs import epochs_to_keep
from nuclei.workflow.configuration import PATHS, check_config, check_encoding, expand_home, kept_for_sure


@pytest.fixture
def config(monkeypatch):
    monkeypatch.chdir(ROOT)
    return merged("demo")


def test_demo_is_right(config):
    assert list(check_config(config, "config/models.yaml", "config/schema.yaml")["models"])[0] == "mask_r50"


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


def test_numbers_with_an_exponent_and_no_point_are_numbers_in_options(config):
    config["training"]["options"] = yaml.safe_load("{a: 1e-3, b: [2E5, one, 1.2.3e5], c: 3e, d: net-1e4}")
    config["model_options"] = yaml.safe_load("{mask_r50: {optimizer.lr: 5e-5}}")
    check_config(config, "config/models.yaml", "config/schema.yaml")
    assert config["training"]["options"] == {"a": 0.001, "b": [2e5, "one", "1.2.3e5"], "c": "3e", "d": "net-1e4"}
    assert config["model_options"] == {"mask_r50": {"optimizer.lr": 0.00005}}


def test_members_are_cells_of_the_run():
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    config["raw"] = config["raw"] | {"dataset": {"path": "tests", "sha256": None}}

    def check(ensembles, **change):
        check_config(config | {"ensembles": ensembles} | change, "config/models.yaml", "config/schema.yaml")

    check({"two": ["mask_r50/seed0", "cascade_r50/seed0"], "gone": None})
    check({"seeds": ["mask_r50/seed0", "mask_r50/seed3"]}, seeds=[0, 3])
    check({"wide": ["mask_r50/seed0", "mask_r101/seed0"]}, explored=True)
    for ensembles, wanted in (
        ({"two": ["mask_r50/seed0", "mask_r50/seed1"]}, "ensembles.two names mask_r50/seed1, which this run does not"),
        ({"two": ["mask_r50/seed0", "mask_r101/seed0"]}, "ensembles.two names mask_r101/seed0, which this run"),
        ({"two": ["mask_r50/seed0"]}, "ensembles.two"),
        ({"two": ["mask_r50/seed0", "mask_r50/seed0"]}, "ensembles.two"),
        ({"a/b": ["mask_r50/seed0", "cascade_r50/seed0"]}, "ensembles"),
    ):
        with pytest.raises(InputError) as caught:
            check(ensembles)
        assert len(caught.value.problems) == 1 and wanted in caught.value.problems[0]


def test_an_epoch_can_be_chosen_where_its_weights_are_kept_whatever_the_scores(config):
    """Brute force: over all orders of the scores, epochs_to_keep has the last word."""
    for epochs, every, best, validated in itertools.product((1, 3, 4), (0, 1, 2), (0, 1, 2, 4), (0, 1, 2)):
        config["training"] |= {"epochs": epochs, "validate_every": validated}
        config["checkpoints"] |= {"every": every, "best": best, "metrics": ["ap_100"]}
        kept = set(range(1, epochs + 1))
        for order in itertools.permutations(range(epochs)):
            rows, on_disk = [], set()
            for epoch in range(1, epochs + 1):  # as the training goes on; what was removed does not come back
                scored = validated and (epoch % validated == 0 or epoch == epochs)
                rows.append({"epoch": epoch, "ap_100": order[epoch - 1] if scored else None})
                on_disk = (on_disk | {epoch}) & epochs_to_keep(rows, best, ["ap_100"], every)
            kept &= on_disk
        assert {epoch for epoch in range(1, epochs + 1) if kept_for_sure(epoch, config)} == kept


def test_the_home_folder_stands_for_a_tilde_in_every_path(config, monkeypatch):
    monkeypatch.setenv("HOME", "/home/mine")
    config["folds"] = {}
    for *sections, key in PATHS:
        node = config
        for section in sections:
            node = node[section]
        node[key] = "~/a~b"
    expand_home(config)
    assert json.dumps(config).count('"/home/mine/a~b"') == len(PATHS)
    config["images"] = ["~/a", "b~"]
    expand_home(config)
    assert config["images"] == ["/home/mine/a", "b~"]
    expand_home({"raw": None, "split": 3, "models_file": ["~"]})  # what check_config names later


def test_every_key_that_holds_a_path_is_known():
    """By the schema: texts of no given form that are described as a path, a folder or a file."""

    def keys(schema, at=()):
        for name, node in schema.get("properties", {}).items():
            yield from keys(node, (*at, name))
            told = re.search(r"\b(folder|path|archive)\b", node.get("description", "").lower())
            kinds = [node.get("type", []), *(form.get("type", []) for form in node.get("anyOf", []))]
            if any("string" in kind for kind in kinds) and node.get("pattern", "^[^{}]+$") == "^[^{}]+$" and told:
                yield (*at, name)

    schema = yaml.safe_load((ROOT / "config/schema.yaml").read_text())["config"]
    assert set(keys(schema)) == set(PATHS)


@pytest.mark.parametrize(
    "dataset, given, there, wanted",
    [
        ("data/vrdl-raw.tar.xz", "auto", True, "data/vrdl-test-masks.tar.xz"),
        ("data/vrdl-raw.tar.xz", "auto", False, None),
        ("data/vrdl-raw.tar.xz", None, True, None),
        ("mine", "auto", True, None),  # the masks of other images
        ("mine", "masks", True, "masks"),
    ],
    ids=str,
)
def test_test_masks_of_the_known_name_are_taken(tmp_path, monkeypatch, dataset, given, there, wanted):
    found = merged()
    assert found["raw"]["test_masks"]["path"] == "auto"
    found["raw"]["dataset"]["path"], found["raw"]["test_masks"]["path"] = dataset, given
    found["models_file"] = str(ROOT / "config/models.yaml")
    found["split"]["file"] = None
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("data/vrdl-raw.tar.xz", "mine", "masks", *(["data/vrdl-test-masks.tar.xz"] if there else [])):
        (tmp_path / name).touch()
    check_config(found, found["models_file"], str(ROOT / "config/schema.yaml"))
    assert found["raw"]["test_masks"]["path"] == wanted


def test_submissions_want_test_masks_before_any_work(config):
    config["published"]["submissions"] = "config"  # any folder
    check_config(config, "config/models.yaml", "config/schema.yaml")  # drawn data have masks
    config["raw"] |= {"draw": None, "dataset": {"path": "config", "sha256": None}}
    with pytest.raises(InputError) as error:
        check_config(config, "config/models.yaml", "config/schema.yaml")
    assert error.value.problems == [
        "config: published.submissions config found without test masks, wanted masks to score them by; "
        "put data/vrdl-test-masks.tar.xz there or set raw.test_masks.path"
    ]


def test_a_notification_is_a_text(config):
    config["notify"] = ["mail", "me"]
    with pytest.raises(InputError, match="config: notify"):
        check_config(config, "config/models.yaml", "config/schema.yaml")


@pytest.mark.parametrize(
    ("encoding", "found"),
    [("utf-16", "UTF-16"), ("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16"), ("latin-1", "other bytes")],
)
def test_a_config_that_is_not_utf_8_is_refused_by_its_name(tmp_path, encoding, found):
    path = tmp_path / "config.yaml"
    path.write_text("run: grün\n", encoding=encoding)
    with pytest.raises(InputError, match=f"config.yaml: {found} found, wanted text in UTF-8; save it as UTF-8$"):
        check_encoding(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_config_in_utf_8_passes_with_any_mark_and_line_ends(tmp_path, encoding):
    path = tmp_path / "config.yaml"
    path.write_text("run: grün\n", encoding=encoding, newline="\r\n")
    check_encoding(path)
    check_encoding(tmp_path / "not there")
