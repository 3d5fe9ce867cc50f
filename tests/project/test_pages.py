"""The way in: every page can be reached, every link leads somewhere, and what the other files promise holds."""

import re
import shlex
import tomllib

import pytest
import yaml
from conftest import ROOT
from draw_map import read_rules
from support.pages import anchors, codes, links, rows, section, text_of

PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/README.md", "docs/map.md", "docs/files.md"]
WITH_LINKS = sorted(
    {str(path.relative_to(ROOT)) for names in ("*.md", "docs/*.md", "*/README.md") for path in ROOT.glob(names)}
)
DOORS = ["Getting started", "How-to guides", "Reference", "Explanation"]


@pytest.mark.parametrize("page", WITH_LINKS)
def test_links_lead_somewhere(page):
    wrong = []
    for path, anchor in links(text_of(page)):
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists():
            wrong.append(path)
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            wrong.append(f"{path}#{anchor}")
    assert wrong == []


def test_four_doors_lead_to_every_page():
    text = text_of("docs/README.md")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == DOORS
    assert all(links(section(text, door)) for door in DOORS)
    reached = {(ROOT / "docs" / path).resolve() for path, _ in links(text)}
    wanted = {*ROOT.glob("docs/*.md"), ROOT / "config/README.md", ROOT / "results/README.md", ROOT / "CONTRIBUTING.md"}
    assert wanted - reached == {ROOT / "docs/README.md"}


def test_the_readme_names_every_script_and_links_the_way_in():
    text = text_of("README.md")
    found = {name for row in rows(section(text, "Where things are")) for name in codes(row[2])}
    assert found == {path.stem for path in ROOT.glob("scripts/*.py")}
    files = {rule.file for rule in read_rules() if rule.script}
    assert {name for row in rows(section(text, "Where things are")) for name in codes(row[1])} == files
    wanted = {"docs/README.md", "docs/map.md", "docs/files.md", "CONTRIBUTING.md", "LICENSE", "CITATION.cff"}
    assert wanted <= {path for path, _ in links(text)}


def test_names_of_today_in_the_changelog_exist():
    unreleased = section(text_of("CHANGELOG.md"), "[Unreleased]")
    known = {rule.name for rule in read_rules()}
    for before, now in rows(unreleased):
        for name in codes(now):
            assert (ROOT / name).is_file() if "/" in name else name in known, name
        for name in codes(before):
            assert not (ROOT / name).exists() if "/" in name else name not in known, name


ELSEWHERE = {"scripts/count_nuclei.py", "tools/train.py"}  # an example; mmdet's own


def test_no_page_names_a_script_or_tool_that_is_gone():
    for page in PAGES[:2] + PAGES[3:]:
        named = re.findall(r"\b(?:scripts|tools)/\w+\.py\b", text_of(page))
        assert [name for name in named if not (ROOT / name).is_file() and name not in ELSEWHERE] == []


def test_the_citation_names_the_works_that_it_should():
    found = yaml.safe_load(text_of("CITATION.cff"))
    assert (found["cff-version"], found["type"], found["license"]) == ("1.2.0", "software", "MIT")
    assert all(found[key] for key in ("message", "title", "authors"))
    assert [work["doi"] for work in found["references"] if "doi" in work] == [
        "10.1109/TMI.2017.2677499",
        "10.1109/TMI.2019.2947628",
        "10.12688/f1000research.29032.2",
    ]
    assert all({"type", "title", "authors", "year"} <= work.keys() for work in found["references"])
    assert "arXiv:1906.07155" in text_of("CITATION.cff")


def test_the_licence_keeps_code_and_data_apart():
    code, data = text_of("LICENSE").split("-" * 79)
    assert code.startswith("MIT License\n\nCopyright (c) ")
    assert "the authors of nuclei-segmentation" in code
    assert "CC BY-NC-SA 4.0" in data


def test_github_runs_what_every_change_must_pass():
    (job,) = yaml.safe_load(text_of(".github/workflows/ci.yml"))["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert job["timeout-minutes"] == 90
    options = [step.get("with", {}) for step in job["steps"]]
    assert {"python-version": "3.11"} in options
    assert "~/.cache/nuclei" in [one.get("path") for one in options]


def test_hooks_call_the_tools_of_the_project_and_download_nothing():
    (source,) = yaml.safe_load(text_of(".pre-commit-config.yaml"))["repos"]
    assert source["repo"] == "local"
    assert {hook["language"] for hook in source["hooks"]} == {"system"}
    called = {" ".join(shlex.split(hook["entry"])[:2]).removesuffix(" --force-exclude") for hook in source["hooks"]}
    assert called == {".venv/bin/ruff check", ".venv/bin/ruff format", ".venv/bin/snakefmt", ".venv/bin/mypy"}
    for name in called:
        assert re.search(rf"^\t{name.removeprefix('.venv/bin/')}\b", text_of("Makefile"), re.MULTILINE), name


def test_the_readme_names_what_make_test_leaves_out():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    left_out = set(re.findall(r"not (\w+)", options["addopts"]))
    wanted = {}
    for line in options["markers"]:
        marker, _, text = line.partition(": ")
        wanted[marker] = re.search(r"run by (make [\w-]+)", text)[1]
    assert wanted.keys() == left_out
    rows = re.findall(r"^\| `(\w+)` \| `(make [\w-]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert dict(rows) == wanted
