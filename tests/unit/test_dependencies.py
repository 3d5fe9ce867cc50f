"""What a stage depends on: its code, found from its imports, and given data, by content."""

import os
import re
import time

import yaml
from conftest import ROOT

from nuclei.workflow.code_hash import code_hash, local_modules
from nuclei.workflow.data_hash import data_hash


def names(script, monkeypatch):
    monkeypatch.chdir(ROOT)
    return {path.removeprefix("scripts/") for path in local_modules(f"scripts/{script}.py")}


def test_direct_indirect_and_late_imports_count(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").write_text("")
    (tmp_path / "package/one.py").write_text("import two\n")
    (tmp_path / "two.py").write_text("import os\n")
    (tmp_path / "unused.py").write_text("")
    (tmp_path / "main.py").write_text("def f():\n    from package import one\n")
    found = local_modules(tmp_path / "main.py")
    assert [os.path.relpath(path, tmp_path) for path in found] == [
        "main.py",
        "package/__init__.py",
        "package/one.py",
        "two.py",
    ]


def test_tables_do_not_depend_on_training_nor_training_on_tables(monkeypatch):
    train, tables = names("train", monkeypatch), names("tables", monkeypatch)
    assert {
        "train.py",
        "nuclei/training/hooks.py",
        "nuclei/scoring/average_precision.py",
        "nuclei/prediction/single_look.py",
    } <= train
    assert not {"nuclei/report/table_files.py", "tables.py", "nuclei/data/raw_layout.py"} & train
    assert "nuclei/training/hooks.py" not in tables


def test_no_stage_depends_on_the_check_of_the_config(monkeypatch):
    rules = "".join(path.read_text() for path in ROOT.glob("rules/*.smk"))
    scripts = set(re.findall(r' code\("(\w+)", "\w+"\)', rules.replace("*", " ")))
    assert {"split", "check_raw", "train", "tables"} <= scripts
    assert not {script for script in scripts if "nuclei/workflow/configuration.py" in names(script, monkeypatch)}


def test_fingerprint_follows_content_alone(tmp_path):
    data, memory = tmp_path / "data", tmp_path / "memory"
    (data / "sub").mkdir(parents=True)
    (data / "sub/a").write_text("1")
    (data / "b").write_text("2")
    first = data_hash(data, memory)
    assert data_hash(data, memory) == first
    os.utime(data / "b", (time.time() + 99, time.time() + 99))
    assert data_hash(data, memory) == first
    data.rename(tmp_path / "moved")
    assert data_hash(tmp_path / "moved", memory) == first
    (tmp_path / "moved/b").write_text("3")
    changed = data_hash(tmp_path / "moved", memory)
    (tmp_path / "moved/b").rename(tmp_path / "moved/c")
    assert len({first, changed, data_hash(tmp_path / "moved", memory)}) == 3
    assert data_hash(tmp_path / "moved/c", memory) != first
    assert data_hash(None, memory) is None


def test_comments_docstrings_and_layout_are_no_behaviour(tmp_path):
    def found(text):
        (tmp_path / "module.py").write_text(text)
        return code_hash(tmp_path / "module.py")

    code = 'def f(a):\n    """Says what."""\n    return a + 1\n'
    assert found(code) == found('"""Module."""\n\n\n# why\ndef f( a ):\n    return (a + 1)  # the next\n')
    assert found(code) != found(code.replace("+ 1", "+ 2"))
    assert found("x = 1\n") != found("x = 1.0\n") != found("'x'\nx = 1.0\ny = 'x'\n")


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
