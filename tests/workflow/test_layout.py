"""Where things stand: a rule calls the script of its name with the files that it declares; folders import downwards."""

import ast
import re

import pytest
import yaml
from conftest import ROOT
from workflow.rule_files import local_rules, read_rules

RULES = read_rules()
TARGETS = {"all", "answers", "published"}  # names for others' results
STAGES = {path.stem for path in ROOT.glob("scripts/*.py")}
TOOLS = {path.stem for path in ROOT.glob("tools/*.py")}
LIBRARY = ROOT / "scripts/nuclei"
FLOORS = {
    "common": 1,
    "coco": 2,
    "compute": 2,
    "workflow": 3,
    "data": 4,
    "models": 4,
    "formats": 5,
    "prediction": 5,
    "scoring": 6,
    "training": 7,
    "export": 7,
    "report": 8,
}
# inputs that a command does not name, and why
NOT_NAMED = {
    ("check_part", "raw"): "made raw data, which raw_input() watches by their marker; the folders are params",
    ("check_raw", "masks"): "{params.masks} names it, with its option",
    ("check_leaks", "checked"): "an order alone: nothing is compared before the raw data are checked",
    ("check_leaks", "bundle"): "an order alone: {params.bundle} names the bundle that it was taken from",
    ("convert_train", "checked"): "an order alone: nothing is converted before the raw data are checked",
    ("convert_test", "checked"): "an order alone: nothing is converted before the raw data are checked",
    ("list_test_images", "checked"): "an order alone: nothing is listed before the raw data are checked",
    ("train", "train"): "config.py names it",
    ("train", "validation"): "config.py names it",
    ("train", "weights"): "config.py names it",
    ("select_checkpoint", "training"): "another training, of which the checkpoints may be others under equal scores",
    ("predict", "images"): "config.py names it",
    ("predict_validation", "images"): "config.py names it",
    ("predict_epochs", "images"): "config.py names it",
    ("predict_epochs", "training"): "another training, of which the checkpoints may be others under equal scores",
    ("plan", "annotations"): "config.py names it",
    ("predict_images", "slides"): "an order alone: it lists them, and finds their records in the folder of the results",
    ("predict_slide", "slides"): "there is none: a slide waits for no other",
    ("make_report", "cells"): "hundreds of paths, which {params.cells}/… give by brace expansion",
    ("write_manifest", "cells"): "hundreds of paths, which {params.cells} gives by brace expansion",
    ("write_manifest", "folds"): "the same, by {params.folds}",
}
MARKERS = ("ancient", "raw_input")  # what is watched by params or by its time alone; see rules/raw.smk
GROUPLESS = {"train", "predict_slide", "predict_images"}  # each is a job of its own


def imported(path):
    """Full names that a Python file imports, also inside functions: `from a import b` gives a and a.b."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import, which code_hash.py does not follow"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def tops(path):
    """Top-level names that a Python file imports."""
    return {name.split(".")[0] for name in imported(path)}


def subjects(path):
    """Folders or files of the library that a Python file imports from: `report` of nuclei.report.cells."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("nuclei.")}


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_a_rule_calls_the_one_script_of_its_name(rule):
    called = re.findall(r"\bpython \S+", rule.shell)
    assert called == ([] if rule.name in TARGETS else [f"python scripts/{rule.script}.py"])
    assert set(rule.sections) & {"script", "run", "notebook", "wrapper"} == set()


def test_every_script_belongs_to_a_rule_of_its_name():
    assert {name for name in RULES if RULES[name].script == name} - TARGETS == STAGES
    copies = {"score_ensemble", "write_ensemble_answer", "predict_validation", "predict_slide"}
    copies |= {"fuse_validation", "score_ensemble_instances"}
    assert {name for name, rule in RULES.items() if rule.script != name} == copies


@pytest.mark.parametrize("rule", [rule for name, rule in RULES.items() if name not in TARGETS], ids=lambda r: r.name)
def test_a_log_bears_the_name_of_its_rule(rule):
    log = ast.unparse(rule.items("log")[0][1]).split("/")[-1].strip("'")
    if rule.name == "fetch_weights":  # beside the weights, which all runs share
        assert log == "{model}.log"
    else:
        assert rule.name in re.split(r"[.{}]+", log)


def test_no_stage_imports_a_stage_or_a_tool():
    for path in sorted(ROOT.glob("scripts/**/*.py")):
        assert tops(path) & (STAGES | TOOLS) == set(), path


def test_no_tool_imports_a_stage_and_each_that_uses_the_library_finds_it():
    for path in sorted(ROOT.glob("tools/*.py")):
        assert tops(path) & STAGES == set(), path
        assert "nuclei" not in tops(path) or "library" in tops(path), path


def test_nothing_is_imported_by_a_name_that_is_not_written():
    for path in sorted(ROOT.glob("scripts/**/*.py")):
        if path.name == "registry.py":  # its rule names what it imports, see below
            continue
        found = re.findall(r"\b(import_module|__import__|run_path|run_module)\b", path.read_text(encoding="utf-8"))
        assert found == [], f"{path}: code_hash.py does not follow it"


def test_the_rule_that_imports_readers_by_name_depends_on_each_of_them():
    assert "*reader_code()," in RULES["import_raw"].sections["params"]
    assert 'Path("scripts/nuclei/formats").glob("*.py")' in (ROOT / "rules/common.smk").read_text()


def test_the_library_is_folders_alone():
    files = {path.name for path in LIBRARY.iterdir() if path.suffix == ".py"}
    assert files == {"__init__.py", "augmentation.py"}  # the second: a name that finished configs import
    folders = {path.name for path in LIBRARY.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders - set(FLOORS) == set()
    assert set(FLOORS) - folders <= {"export"}


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("*/**/*.py")), ids=lambda path: str(path.relative_to(LIBRARY)))
def test_a_folder_imports_from_lower_floors_alone(path):
    own = path.relative_to(LIBRARY).parts[0]
    allowed = {own} | {subject for subject, floor in FLOORS.items() if floor < FLOORS[own]}
    assert subjects(path) - allowed == set()


def is_marker(value):
    """Whether an input is none that a command reads: ancient(…), raw_input(…)."""
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in MARKERS


def passes(rule, name):
    """Whether a rule's command names an input, itself or by a param that is made of it."""
    inputs = r"\binput\b" if name is None else rf"\binput\.{name}\b"
    given = {key for key, value in rule.items("params") if key and re.search(inputs, ast.unparse(value))}
    wanted = [
        r"\{input[:}\[]" if name is None else rf"\{{input\.{name}[:}}\[]",
        *(rf"\{{params\.{k}[:}}]" for k in given),
    ]
    return any(re.search(pattern, rule.shell) for pattern in wanted)


def test_a_command_gets_every_file_that_its_rule_declares():
    found = set()
    for rule in RULES.values():
        if rule.shell:
            items = [(name, value) for name, value in rule.items("input") if not is_marker(value)]
            found |= {(rule.name, name) for name, _ in items if not passes(rule, name)}
    assert found == set(NOT_NAMED)


def test_a_command_names_no_input_that_its_rule_lacks():
    for rule in RULES.values():
        declared = {name for name, _ in rule.items("input")}
        assert set(re.findall(r"\{input\.(\w+)", rule.shell)) <= declared, rule.name


def test_the_snakefile_is_a_table_of_contents():
    assert len((ROOT / "Snakefile").read_text().splitlines()) <= 60


def test_the_slurm_profile_names_rules_and_groups_all_that_a_full_run_submits():
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    for key in ("groups", "set-resources", "set-threads"):
        assert set(profile[key]) - set(RULES) == set(), key
    submitted = set(RULES) - TARGETS - local_rules(RULES)
    assert submitted - set(profile["groups"]) == GROUPLESS
    assert set(profile["group-components"]) <= set(profile["groups"].values())


def test_the_simulation_of_a_cluster_has_rules_of_the_profiles():
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    simulated = set(re.findall(r"^rule (\w+):", (ROOT / "tests/slurm/simulation/Snakefile").read_text(), re.MULTILINE))
    assert simulated == {"train", "predict", "make_table"}
    assert simulated <= set(profile["groups"]) | set(profile["set-resources"])
