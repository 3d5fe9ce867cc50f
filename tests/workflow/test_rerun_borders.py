"""Which stages an edit of a shared module runs again: by the value of code() of rules/common.smk, before and after.

A file's border is a rerun border, so these sets are part of the design: a new import that widens one is seen here.
"""

import ast
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, checkout
from workflow.rule_files import code_stages, read_rules

from nuclei.workflow.code_hash import code_hash, local_modules
from nuclei.workflow.data_hash import data_hash

STAGES = code_stages(read_rules())
# their outputs are tables
TABLES = {
    "make_table",
    "make_explored_table",
    "make_ensembles_table",
    "make_folds_table",
    "make_classes_table",
    "make_instance_tables",
    "score_published",
}
WIDER_TABLES = {"compare_published", "draw_comparisons", "draw_scores", "judge_findings", "make_instance_tables"}
SCORED_INSTANCES = {"compare_published", "score_instances"}
# module below scripts/nuclei: the stages that an edit of it runs again
BORDERS = {
    "coco/checks.py": SCORED_INSTANCES
    | {
        "draw_overlays",
        "fuse_predictions",
        "make_report",
        "score_epochs",
        "score_predictions",
        "score_published",
        "write_answer",
    },
    "coco/matching.py": SCORED_INSTANCES
    | {"draw_overlays", "fuse_predictions", "make_report", "predict", "predict_images", "score_epochs"},
    "data/polygons.py": {
        "convert_test",
        "convert_train",
        "cut_tiles",
        "list_test_images",
        "make_report",
        "predict_images",
    },
    "data/masks.py": {
        "check_leaks",
        "check_part",
        "check_raw",
        "convert_test",
        "convert_train",
        "import_raw",
        "list_test_images",
        "measure_conversion_loss",
        "predict_images",
    },
    "data/splits.py": {"check_part", "check_raw", "make_split", "write_annotations"},
    "compute/operators.py": {"check_device", "train"},
    "data/raw_content.py": set(),
    "data/made_folder.py": {"draw_raw", "fetch_raw", "import_raw"},
    "models/resolve.py": {"resolve_config"},
    "models/schedule.py": {"plan", "resolve_config"},
    "models/shallow.py": {"predict", "predict_epochs", "predict_images", "train"},
    "prediction/single_look.py": {"plan", "predict", "predict_epochs", "train"},
    "prediction/many_looks.py": {"predict", "predict_images"},
    "prediction/fusion.py": {"fuse_predictions", "predict", "predict_images"},
    "prediction/bundles.py": {"predict_images", "take_weights"},
    "prediction/bundle_files.py": {"check_leaks", "predict_images", "take_weights"},
    "export/geojson.py": {"predict_images"},
    "scoring/average_precision.py": {"plan", "score_predictions", "score_published", "train"},
    "scoring/names.py": TABLES
    | {"draw_curves", "make_report", "make_cells_table", "plan", "score_predictions", "select_checkpoint", "train"}
    | {"compare_epochs", "draw_scores", "judge_findings", "predict_epochs", "score_epochs"},
    "scoring/published.py": {"compare_published", "make_table", "score_published"},
    "scoring/submissions.py": {"score_published"},
    "training/hooks.py": {"train"},
    "training/validation.py": {"plan", "train"},
    "training/selection.py": {"predict_epochs", "score_epochs", "select_checkpoint"},
    "scoring/instance_metrics.py": SCORED_INSTANCES | {"compare_cells", "draw_scores"},
    "scoring/label_map.py": SCORED_INSTANCES | {"compare_cells", "draw_scores", "score_epochs"},
    "scoring/error_list.py": SCORED_INSTANCES,
    "scoring/score_threshold.py": SCORED_INSTANCES,
    "scoring/intervals.py": {"compare_cells", "compare_epochs", "compare_published"},
    "scoring/findings.py": {"judge_findings", "make_report"},
    "scoring/epoch_correlations.py": {"compare_epochs"},
    "data/leaks.py": {"check_leaks"},
    "report/leak_lines.py": TABLES - {"make_classes_table", "make_folds_table", "score_published"},
    "report/instance_rows.py": {"compare_published", "make_instance_tables"},
    "report/comparison_figures.py": {"compare_published", "draw_comparisons", "draw_scores"},
    "report/table_files.py": TABLES | WIDER_TABLES | {"make_report"},
    "report/page.py": {"make_report"},
    "report/layers.py": {"make_report"},
    "report/summary.py": {"make_report"},
    "workflow/manifest.py": {"write_manifest"},
    "workflow/configuration.py": set(),
    "workflow/protocols.py": set(),
    "workflow/code_hash.py": {"plan", "predict_images", "train"},
    "workflow/data_hash.py": set(),
}


def code_of_the_rules():
    """The function code() of rules/common.smk itself, which works in the present folder."""
    tree = ast.parse((ROOT / "rules/common.smk").read_text())
    wanted = {"code", "file_state"}
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in wanted]
    names = {"Path": Path, "yaml": yaml, "code_hash": code_hash, "local_modules": local_modules, "data_hash": data_hash}
    names["MEMORY"] = "work/fingerprints"
    exec(compile(tree, "rules/common.smk", "exec"), names)
    return names["code"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A checkout that a test may edit."""
    return checkout(tmp_path_factory.mktemp("project"))


@pytest.fixture
def rerun(project, monkeypatch):
    """A function: the stages whose code() changes with the text of a module below scripts/nuclei."""
    monkeypatch.chdir(project)
    code = code_of_the_rules()

    def states():
        return {stage: code(stage, environment) for stage, environment in STAGES.items()}

    def edited(module, added="\nCHANGED = True\n"):
        path = project / "scripts/nuclei" / module
        before, text = states(), path.read_text()
        path.write_text(text + added)
        try:
            after = states()
        finally:
            path.write_text(text)
        return {stage for stage in STAGES if after[stage] != before[stage]}

    return edited


def test_every_rule_depends_on_the_code_of_its_script():
    rules = read_rules()
    scripts = {rule.script for rule in rules.values() if rule.shell}
    assert scripts - set(STAGES) == {"fetch_weights"}  # its file is known by its hash
    for rule in rules.values():
        own = set(code_stages({rule.name: rule}))
        assert own == ({rule.script} if rule.shell and rule.script != "fetch_weights" else set()), rule.name


@pytest.mark.parametrize("module", BORDERS)
def test_an_edit_of_a_module_runs_these_stages_again(rerun, module):
    assert rerun(module) == BORDERS[module]


def test_an_edit_of_the_ground_floor_runs_everything_again_and_a_comment_nothing(rerun):
    assert rerun("common/stage.py") == set(STAGES)
    assert rerun("common/stage.py", "\n# a comment\n") == set()


def test_a_check_of_coco_content_reaches_few_stages_and_no_training(rerun):
    found = rerun("coco/checks.py")
    assert len(found) <= 9
    assert not found & {"train", "predict", "resolve_config", "select_checkpoint"}


def test_the_code_of_average_precision_reaches_few_stages(rerun):
    assert len(rerun("scoring/average_precision.py")) <= 4


def test_the_tables_writer_reaches_table_stages_alone(rerun):
    assert rerun("report/table_files.py") <= TABLES | WIDER_TABLES | {"make_report"}  # the page shows tables


def test_no_stage_depends_on_the_check_of_the_config(rerun):
    assert rerun("workflow/configuration.py") == set()


def test_a_training_depends_on_no_report_and_a_table_on_no_training(rerun):
    for stage, others in (("train", "report"), ("make_table", "training"), ("make_table", "prediction")):
        imported = local_modules(f"scripts/{stage}.py")
        assert [path for path in imported if f"/nuclei/{others}/" in f"/{path}"] == [], stage
