"""The config's keys are explained in config/schema.yaml alone, and config/README.md says what stands there."""

import copy

import jsonschema
import pytest
import write_config_reference
import yaml
from conftest import ROOT

from nuclei.common.documents import schema_problems
from nuclei.common.stage import InputError
from nuclei.workflow.configuration import retype
from nuclei.workflow.reference import (
    describe,
    fill,
    lacking,
    list_keys,
    reference_lines,
    rules_of,
    unknown_rules,
    wrong_defaults,
)

SCHEMA = yaml.safe_load((ROOT / "config/schema.yaml").read_text())
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())
KEYS = {name: list(list_keys(SCHEMA[name])) for name in ("config", "models", "cards")}
RULES = rules_of([*ROOT.glob("rules/*.smk"), ROOT / "Snakefile"])
VALUES = {"cosine", "stretched", "exact", "course"}


def words():
    """What an x-reruns may name beside rules: keys, and a few of their values."""
    return VALUES | {key.path for key in KEYS["config"]}


def without_annotations(schema, names=False):
    """A schema without the words that JSON schema takes for remarks. names: whether its keys are names of keys."""
    if isinstance(schema, list):
        return [without_annotations(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: without_annotations(value, key == "properties" and not names)
        for key, value in schema.items()
        if names or key not in ("description", "default", "x-reruns")
    }


def test_the_page_is_made_from_the_schema():
    page = (ROOT / "config/README.md").read_text()
    made = write_config_reference.reference(page, "config/README.md", SCHEMA, CONFIG)
    assert page == made, "config/README.md differs from config/schema.yaml: run make docs"


@pytest.mark.parametrize("name", KEYS)
def test_every_key_is_explained(name):
    assert lacking(KEYS[name]) == []


def test_every_key_of_the_config_has_the_default_of_config_yaml():
    assert wrong_defaults(KEYS["config"], CONFIG) == []


@pytest.mark.parametrize("name", ["models", "cards"])
def test_of_other_files_only_keys_that_may_be_left_out_have_a_default(name):
    assert not [key.path for key in KEYS[name] if key.required and "default" in key.schema]


@pytest.mark.parametrize("name", KEYS)
def test_what_runs_again_is_said_in_rules_that_exist(name):
    assert unknown_rules(KEYS[name], RULES, words()) == []


def test_rules_are_found_as_snakemake_finds_them():
    assert {"all", "answers", "fetch_raw", "draw_raw", "cut_tiles", "score_ensemble", "plan"} <= set(RULES)


@pytest.mark.parametrize("name", KEYS)
def test_defaults_are_allowed(name):
    for key in KEYS[name]:
        if "default" in key.schema:
            assert schema_problems({"key": key.schema["default"]}, {"properties": {"key": key.schema}}) == [], key.path


def test_annotations_change_no_check():
    plain = without_annotations(SCHEMA)
    assert "x-reruns" not in str(plain) and "x-reruns" in str(SCHEMA)
    for part in SCHEMA:
        jsonschema.Draft202012Validator.check_schema(SCHEMA[part])
    bad = copy.deepcopy(CONFIG) | {"seeds": ["1", "x"], "raws": {}}
    bad["training"] |= {"epochs": "7", "lr": "fast", "detection": 3, "flips": ["up"]}
    found = retype(bad, SCHEMA["config"])
    assert found == retype(bad, plain["config"]) and found["training"]["epochs"] == 7
    assert schema_problems(found, SCHEMA["config"]) == schema_problems(found, plain["config"]) != []


def keys_of(schema):
    return list(list_keys({"properties": schema}))


GOOD = {"type": "integer", "description": "A number.", "default": 1, "x-reruns": "`train` and what follows."}


@pytest.mark.parametrize("name", ["description", "x-reruns"])
def test_a_key_without_a_text_is_found(name):
    (line,) = lacking(keys_of({"one": {key: value for key, value in GOOD.items() if key != name}}))
    assert f"one has no {name}" in line


@pytest.mark.parametrize(
    "config, wanted",
    [({"one": 2}, "default 1, wanted 2"), ({}, "wanted none"), ({"one": 1.0}, "wanted 1.0"), ({"one": True}, "true")],
    ids=str,
)
def test_another_default_than_the_config_s_is_found(config, wanted):
    (line,) = wrong_defaults(keys_of({"one": GOOD}), config)
    assert wanted in line


def test_a_missing_default_is_found():
    (line,) = wrong_defaults(keys_of({"one": {"type": "integer"}}), {"one": 1})
    assert "has the default none, wanted 1" in line


@pytest.mark.parametrize("text", ["`tran` and what follows.", "After make_tables.", "All of it.", "`train`, `rain`."])
def test_a_rule_that_does_not_exist_is_found(text):
    assert unknown_rules(keys_of({"one": GOOD | {"x-reruns": text}}), RULES, ["one"])


def test_a_tool_run_on_an_incomplete_schema_writes_nothing():
    schema = copy.deepcopy(SCHEMA)
    del schema["config"]["properties"]["run"]["description"]
    schema["config"]["properties"]["seeds"]["default"] = [1]
    with pytest.raises(InputError) as error:
        write_config_reference.reference("", "page.md", schema, CONFIG)
    assert len(error.value.problems) == 2


def test_a_page_without_its_markers_is_refused():
    begin, end = ("<!-- made by make docs: config, begin -->", "<!-- made by make docs: config, end -->")
    assert fill(f"a\n{begin}\nold\n{end}\nb", "config", ["new"], "p").splitlines()[1:5] == [begin, "", "new", ""]
    for page in ("", begin, f"{end}{begin}", f"{begin}{begin}{end}"):
        with pytest.raises(InputError, match="put them back"):
            fill(page, "config", [], "p")


@pytest.mark.parametrize(
    "schema, text",
    [
        ({"type": "boolean"}, "`true` or `false`"),
        ({"anyOf": [{"type": "null"}, {"const": "x"}, {"type": "number"}]}, "`x`, number or `null`"),
        ({"type": ["array", "null"], "items": {"enum": [1, 2]}}, "list (of `1`, `2`) or `null`"),
        ({"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "number"}}, "list of 2 numbers"),
    ],
    ids=str,
)
def test_types_are_said_in_words(schema, text):
    assert describe(schema) == text


def test_a_bar_does_not_end_a_cell():
    (key,) = keys_of({"one": GOOD | {"pattern": "a|b"}})
    assert "`a\\|b`" in reference_lines([key])[-1]
