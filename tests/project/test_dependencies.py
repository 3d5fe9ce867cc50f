"""What the rules depend on: their stages' code, their environments' pins, nothing of times or places."""

import re

import yaml
from conftest import ROOT

from nuclei.workflow.code_hash import local_modules


def names(script, monkeypatch):
    monkeypatch.chdir(ROOT)
    return {path.removeprefix("scripts/") for path in local_modules(f"scripts/{script}.py")}


def test_tables_do_not_depend_on_training_nor_training_on_tables(monkeypatch):
    train, tables = names("train", monkeypatch), names("make_table", monkeypatch)
    assert {
        "train.py",
        "nuclei/training/hooks.py",
        "nuclei/scoring/average_precision.py",
        "nuclei/prediction/single_look.py",
    } <= train
    assert not {"nuclei/report/table_files.py", "make_table.py", "nuclei/data/raw_layout.py"} & train
    assert "nuclei/training/hooks.py" not in tables


def test_no_stage_depends_on_the_check_of_the_config(monkeypatch):
    rules = "".join(path.read_text() for path in ROOT.glob("rules/*.smk"))
    scripts = set(re.findall(r' code\("(\w+)", "\w+"\)', rules.replace("*", " ")))
    assert {"make_split", "check_raw", "train", "make_table"} <= scripts
    assert not {script for script in scripts if "nuclei/workflow/configuration.py" in names(script, monkeypatch)}


def test_no_stage_imports_a_stage(monkeypatch):
    scripts = {path.stem for path in (ROOT / "scripts").glob("*.py")}
    assert {"make_split", "check_raw", "train", "make_table"} <= scripts
    for script in scripts:
        assert {name for name in names(script, monkeypatch) if "/" not in name} == {f"{script}.py"}


def test_each_rule_depends_on_the_pins_of_its_own_environment():
    for path in ROOT.glob("rules/*.smk"):
        for rule in re.split(r"^ *rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            if "    shell:" not in rule:
                continue  # a target of others' results
            (environment,) = re.findall(r'"../envs/(\w+).yaml"', rule)
            pins = re.findall(r' code\("\w+", "(\w+)"\)', rule.replace("*", " "))
            assert set(pins) == (set() if rule.startswith("fetch_weights") else {environment}), rule


def test_no_profile_goes_by_times_or_places():
    for path in ROOT.glob("profiles/*/config.yaml"):
        found = yaml.safe_load(path.read_text())
        assert found["max-checksum-file-size"] == "1TB", path
        assert found["rerun-triggers"] == ["mtime", "params", "input", "code"], path
