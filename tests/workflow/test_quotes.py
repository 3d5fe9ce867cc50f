"""Texts of the user, such as paths, stand in quotes in the shell commands of the rules: read as text."""

import ast
import re

import yaml
from conftest import ROOT
from workflow.rule_files import read_rules

# what quotes its result itself, or can only give what needs no quotes
SCHEMA = yaml.safe_load((ROOT / "config/schema.yaml").read_text())["config"]
QUOTED = {"option", "switch", "braces", "asked_images", "test_options", "class_options"}
# names of models and of cells: the schema gives names of models a pattern, and check_config compares the others
CHECKED = {"models", "ensembles", "model_options"}
NAMES_ALONE = {"MODELS", "EXPLORED", "TABLED", "ENSEMBLES"}


def free_text(*keys):
    """Whether the value of a config key, or a key below it, may be any text, by the schema."""
    node = SCHEMA
    for key in keys:
        if "properties" not in node:  # an item of a list
            break
        if key == "*":  # one key or another of those that are named
            return any(free_text(*keys[: keys.index("*")], name) for name in node["properties"])
        node = node["properties"][key]
    return open_text(node) and keys[0] not in CHECKED


def open_text(schema):
    """Whether a schema, or one within it, takes texts of any form."""
    if not isinstance(schema, dict):
        return False
    kinds = schema.get("type", [])
    free = "string" in kinds and "pattern" not in schema and "enum" not in schema
    free = free or ("object" in kinds and schema.get("additionalProperties", True) is True)
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", []), schema.get("items", False)]
    return free or any(map(open_text, inner))


def config_keys(node):
    """The keys of `config["a"]["b"]` as a tuple, or None for any other expression."""
    keys = []
    while isinstance(node, ast.Subscript):
        keys.append(getattr(node.slice, "value", "*"))
        node = node.value
    return tuple(reversed(keys)) if isinstance(node, ast.Name) and node.id == "config" and keys else None


def free(node, names):
    """Whether an expression may hold a text of the user that nothing has quoted. names: those that may, too."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in QUOTED:
        return False
    if isinstance(node, ast.IfExp):  # what is asked does not reach the command line
        return free(node.body, names) or free(node.orelse, names)
    if isinstance(node, ast.Subscript) and (keys := config_keys(node)):
        return free_text(*keys)
    if isinstance(node, ast.Name):
        return (node.id in names or node.id == "config") and node.id not in NAMES_ALONE
    return any(free(child, names) for child in ast.iter_child_nodes(node))


def free_names():
    """Names of variables and functions of the rules files of functions that may hold or return any text of the user."""
    texts = [(ROOT / f"rules/{name}.smk").read_text() for name in ("common", "raw", "results")]
    nodes = [node for text in texts for node in ast.walk(ast.parse(text))]
    names = {"CATALOGUE"}
    for _ in range(5):  # until what is found rests
        for node in nodes:
            if isinstance(node, ast.Assign) and free(node.value, names):
                names |= {name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
            if isinstance(node, ast.FunctionDef) and node.name not in QUOTED:
                returned = [part.value for part in ast.walk(node) if isinstance(part, ast.Return)]
                local = {
                    name
                    for part in node.body
                    if isinstance(part, ast.Assign) and free(part.value, names)
                    for name in map(ast.unparse, part.targets)
                }
                if any(free(value, names | local) for value in returned):
                    names.add(node.name)
    return names


def unquoted(rules, names):
    """`rule: field` of all fields of shell commands that may hold any text of the user and have no :q."""
    for rule in rules.values():
        for section, key, spec in re.findall(r"\{(params|input|output)\.(\w+)[^{}:]*(:q)?\}", rule.shell):
            values = [value for name, value in rule.items(section) if name == key]
            if not spec and any(free(value, names) for value in values):
                yield f"{rule.name}: {section}.{key}"


def test_texts_of_the_user_reach_the_shell_in_quotes():
    names = free_names()
    assert {
        "MODELS_FILE",
        "NOTE",
        "WEIGHTS_ROOT",
        "raw_source",
        "raw_folder",
        "training_images",
        "model_entry",
    } <= names
    assert not {"RESULTS", "CELL", "METHOD", "cell_files"} & names
    rules = read_rules()
    assert list(unquoted(rules, names)) == []
    for rule in rules.values():  # the test sees what it should: without their quotes all of these are found
        if "shell" in rule.sections:
            rule.sections["shell"] = rule.sections["shell"].replace(":q}", "}")
    found = {line.split(".")[1] for line in unquoted(rules, names)}
    assert found >= {"source", "dataset", "images", "models_file", "submissions", "ids", "test_images", "url", "model"}
