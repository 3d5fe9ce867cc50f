"""What `snakemake --report` shows: every table and figure is marked, and captions render with the default config."""

import ast
import re
from types import SimpleNamespace

import jinja2
import pytest
import yaml
from conftest import ROOT
from workflow.rule_files import read_rules

RULES = read_rules()
CAPTIONS = sorted((ROOT / "report").glob("*.rst"))
LOOKED_AT = ("/tables/", "figures", "report.html", "published")
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())
CONFIG |= {"ensembles": {"two": ["mask_r50/seed0", "cascade_r50/seed1"]}, "published": {"submissions": "given/folder"}}
CONFIG |= {"folds": {"count": 3}}


def marks(value):
    """The calls of report() and marked() in an expression of an output."""
    calls = [node for node in ast.walk(value) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    return [call for call in calls if call.func.id in ("report", "marked")]


def looked_at():
    """[(rule, expression)] of every output that people look at."""
    outputs = [(name, value) for name, rule in RULES.items() for _, value in rule.items("output")]
    return [(name, value) for name, value in outputs if any(word in ast.unparse(value) for word in LOOKED_AT)]


def test_every_table_and_figure_is_marked_with_a_caption_of_its_own_folder():
    found = looked_at()
    assert {"make_table", "draw_curves", "make_report", "compare_published"} <= {name for name, _ in found}
    used = {"workflow.rst"}
    for name, value in found:
        words = [{word.arg: ast.literal_eval(word.value) for word in call.keywords} for call in marks(value)]
        assert len(words) == 1, f"{name}: an output of this rule is not marked by report() or marked()"
        assert words[0]["category"]
        assert re.fullmatch(r"\.\./report/\w+\.rst", words[0]["caption"]), name
        used.add(words[0]["caption"].removeprefix("../report/"))
    assert used == {path.name for path in CAPTIONS}
    assert '\nreport: "report/workflow.rst"' in (ROOT / "Snakefile").read_text()


@pytest.mark.parametrize("path", CAPTIONS, ids=lambda path: path.name)
def test_a_caption_quotes_the_config(path):
    text = path.read_text()
    assert "snakemake.config" in text or "snakemake.wildcards" in text
    cell = SimpleNamespace(setting=1, model="mask_r50", seed=0)
    values = SimpleNamespace(config=CONFIG, wildcards=cell)
    found = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(text).render(snakemake=values)
    assert "None" not in found
    assert len(found) > 60


def test_an_edit_of_the_pages_styles_or_scripts_makes_it_again():
    assert 'page=file_state("scripts/nuclei/report/web")' in RULES["make_report"].sections["params"]
