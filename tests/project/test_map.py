"""docs/map.md fits the live workflow, the library's folders keep to their floors, and every word is explained."""

import subprocess
from pathlib import Path

import draw_map
import pytest
from conftest import ROOT
from draw_map import Rule, filled, floor_table, parts, picture, reduced, rule_graph
from support.pages import codes, rows, section, text_of

from nuclei.common.stage import InputError

PAGE = ROOT / "docs/map.md"
LIBRARY = ROOT / "scripts/nuclei"


def test_the_committed_page_is_what_the_workflow_makes():
    page = PAGE.read_text(encoding="utf-8")
    assert page == filled(page, parts(), PAGE), "run make docs"


def test_every_rule_and_every_script_is_in_the_page():
    found = {codes(row[1])[0]: row for row in rows(section(text_of("docs/map.md"), "Rules and scripts"))}
    files = [ROOT / "Snakefile", *ROOT.glob("rules/*.smk")]
    names = [line.split() for file in files for line in file.read_text().splitlines()]
    wanted = {words[1].strip(":") for words in names if words[:1] == ["rule"] and words[-1].endswith(":")}
    wanted |= {words[4] for words in names if words[:2] == ["use", "rule"]}
    assert set(found) == wanted
    scripts = "".join(row[2] for row in found.values())
    assert [path.name for path in ROOT.glob("scripts/*.py") if f"scripts/{path.name})" not in scripts] == []


def test_dashed_rules_are_those_that_the_page_names():
    (line,) = (line for line in PAGE.read_text().splitlines() if line.endswith(" byConfig"))
    dashed = set(line.split()[1].split(","))
    told = section(text_of("docs/map.md"), "The workflow").split("<!-- begin picture -->")[0]
    assert dashed == dashed & set(codes(told))


def test_every_folder_of_the_project_is_in_the_page():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    folders = {name.split("/")[0] for name in listed.stdout.splitlines() if "/" in name}
    found = section(text_of("docs/map.md"), "Folders")
    assert [name for name in sorted(folders) if f"[{name}](../{name})" not in found] == []


def test_every_folder_of_the_library_is_in_the_page():
    found = section(text_of("docs/map.md"), "The library's floors")
    folders = [path.name for path in LIBRARY.iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert [name for name in folders if f"[{name}](../scripts/nuclei/{name})" not in found] == []


WORDS = """Cell, Setting, Run, Protocol, Image, Mask, Annotation, Instance, Nucleus, Split, Tile, Crop, Epoch,
Checkpoint, Prediction, Detection, Cap, AP, AP50, Ceiling, Score, Look, View,
Test-time augmentation, Sliding window, Fusion, Ensemble, Answer, Manifest, Work folder, Stage, Tool"""


def test_the_glossary_explains_each_word_once_and_cell_first():
    paragraphs = [part for part in section(text_of("docs/map.md"), "Glossary").split("\n\n") if part.strip()]
    words = [part.strip().split(".**")[0].removeprefix("**") for part in paragraphs]
    assert words[0] == "Cell"
    assert len(words) == len(set(words))
    assert set(" ".join(WORDS.split()).split(", ")) <= set(words)


def test_an_arrow_that_follows_from_others_is_left_out():
    chain = {("a", "b"), ("b", "c"), ("c", "d")}
    assert reduced(chain | {("a", "c"), ("a", "d"), ("b", "d")}) == chain
    assert reduced({("a", "c"), ("b", "c")}) == {("a", "c"), ("b", "c")}


def test_what_the_default_config_leaves_out_is_dashed():
    rules = [Rule(name, "rules/x.smk", f"scripts/{name}.py") for name in ("one", "more", "two")]
    rules.append(Rule("all", "Snakefile", None))
    default = {("one", "two"), ("two", "all")}
    lines = [line.strip() for line in picture(rules, default, {("one", "more"), ("more", "two"), ("two", "all")})]
    assert {"one --> two", "one -.-> more", "more -.-> two", "class more byConfig"} <= set(lines)
    assert not any("all" in line for line in lines)


def library_of(folder, *names):
    for name in names:
        (folder / "scripts/nuclei" / name).mkdir(parents=True)
        (folder / "scripts/nuclei" / name / "__init__.py").write_text(f'"""What {name} is for. And more."""\n')
    return folder


def test_a_folder_on_no_floor_is_an_error(tmp_path, monkeypatch):
    library_of(tmp_path, "common", "new")
    monkeypatch.setattr(draw_map, "FLOORS", [["common"]])
    with pytest.raises(InputError, match="scripts/nuclei/new: on the disk or in FLOORS alone"):
        floor_table(tmp_path)
    monkeypatch.setattr(draw_map, "FLOORS", [["common"], ["new"]])
    assert "What new is for. |" in floor_table(tmp_path)[2]


def test_a_page_without_marks_and_a_broken_workflow_are_errors(tmp_path):
    with pytest.raises(InputError, match="no marks `begin rules` and `end rules` found"):
        filled("# Map\n", {"rules": []}, Path("map.md"))
    (tmp_path / "Snakefile").write_text("rule all:\n    input: 'nothing'\n")
    with pytest.raises(InputError, match="snakemake --rulegraph mermaid-js: failed"):
        rule_graph([{}], tmp_path)


def test_drawing_changes_what_lies_between_the_marks_alone(tmp_path, stage):
    page = tmp_path / "map.md"
    page.write_text(PAGE.read_text(encoding="utf-8").replace("    train --> select_checkpoint\n", ""), encoding="utf-8")
    done = stage("draw_map", "--out", page)
    assert done.returncode == 0, done.stderr
    assert page.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")
