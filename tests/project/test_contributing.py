"""CONTRIBUTING.md: its recipes for a model and for a stage are followed word by word in a copy of the project."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import mmdet
import pytest
import yaml
from conftest import ROOT, checkout
from draw_map import filled, parts
from support.pages import blocks, codes, section, text_of
from support.tiny import overlay, planned, snakemake

PAGE = text_of("CONTRIBUTING.md")


@pytest.fixture
def project(tmp_path):
    """A copy of the project, without tests and results."""
    return checkout(tmp_path / "project")


def shell(folder, command):
    """Run a command of the page as it stands; returns what it printed."""
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    return said


def test_a_model_is_one_entry(project):
    recipe = section(PAGE, "A model")
    (entry,), (command,) = blocks(recipe, "yaml"), blocks(recipe, "bash")
    catalogue = project / "config/models.yaml"
    catalogue.write_text(catalogue.read_text() + entry)
    said = shell(project, command)
    for setting in (1, 2):
        assert f"training of mask_r101_pytorch, setting{setting}, seed 0" in said
    (found,) = yaml.safe_load(entry).values()
    configs = Path(mmdet.__file__).parent / ".mim/configs"
    assert (configs / f"{found['zoo']}.py").is_file()
    published = (configs / found["zoo"].split("/")[0] / "metafile.yml").read_text()
    assert yaml.safe_load(catalogue.read_text())["weights_root"] + found["weights"] in published


def follow(project):
    """Do what the recipe of a stage says, as far as files go."""
    recipe = section(PAGE, "A stage")
    (script,), (rule, line) = blocks(recipe, "python"), blocks(recipe, "snakemake")
    (project / "scripts/count_nuclei.py").write_text(script)
    rules, report = project / "rules/data.smk", project / "rules/report.smk"
    rules.write_text(f"{rules.read_text()}\n\n{rule}")
    last = "            rules.make_report.output,\n"
    assert report.read_text().count(last) == 1
    report.write_text(report.read_text().replace(last, last + line))


def test_a_stage_is_a_script_and_a_rule(project):
    follow(project)
    assert planned(snakemake(project, "-n", config=overlay(project)))["count_nuclei"] == 1
    (command,) = blocks(section(PAGE, "A stage"), "bash")
    shell(project, command)
    rows = list(csv.DictReader((project / "results/demo/data/nuclei.csv").open()))
    folders = [path for path in (project / "work/demo/raw/test_masks").iterdir() if path.is_dir()]
    wanted = [{"image": f"{path.name}.png", "nuclei": str(len(list(path.glob("masks/*.png"))))} for path in folders]
    assert rows == sorted(wanted, key=lambda row: row["image"])
    assert len(rows) == 4


def test_the_recipes_stage_has_the_projects_style_and_is_missed_by_the_map(project):
    follow(project)
    typed = "mypy --follow-imports=silent scripts/count_nuclei.py"
    for command in ("ruff check .", "ruff format --check .", typed, "snakefmt --check rules"):
        shell(project, f"{sys.executable} -m {command}")
    page = text_of("docs/map.md")
    found = filled(page, parts(project), project / "docs/map.md")
    assert found != page
    assert "| `count_nuclei` | [scripts/count_nuclei.py](../scripts/count_nuclei.py) | by default | Nuclei of" in found


def test_the_files_that_the_page_names_are_there():
    known = re.compile(r"(scripts|rules|tests|docs|config|tools|envs|\.ci)/[\w./-]+")
    named = [name for name in codes(re.sub(r"^```.*?^```$", "", PAGE, flags=re.M | re.S)) if known.fullmatch(name)]
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists() and name != "scripts/count_nuclei.py"] == []
    (first,) = re.findall(r"python -m pytest (\S+)", section(PAGE, "Five minutes"))
    assert (ROOT / first).is_file()
    targets = re.findall(r"^([\w-]+):", text_of("Makefile"), re.MULTILINE)
    assert [name for name in re.findall(r"\bmake ([\w-]+)", PAGE) if name not in targets and name != "every"] == []


def test_a_metric_goes_where_the_page_says():
    for name in ("CELL_RESULTS", "score_predictions", "make_table"):
        assert name in section(PAGE, "A metric")
    assert "CELL_RESULTS = [" in text_of("rules/report.smk")
    assert "from nuclei.scoring import average_precision" in text_of("scripts/nuclei/training/validation.py")
    assert "FoundImage" in section(PAGE, "An input format")
    assert re.search(r"^class FoundImage\b", text_of("scripts/nuclei/formats/interface.py"), re.MULTILINE)
    for reader in (ROOT / "scripts/nuclei/formats").glob("[a-z]*.py"):
        functions = re.findall(r"^def (fits|read)\(", reader.read_text(), re.MULTILINE)
        assert functions in ([], ["fits", "read"]), reader
