"""docs/map.md: the picture of the workflow, its rules and scripts, the folders of the library and the tools.

Everything between the page's markers is made anew: the picture (Mermaid) from Snakemake's own graph of the rules, the
tables from the rules files, the scripts' first sentences and the library's folders. The rest of the page is kept.
"""

import argparse
import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

import library  # noqa: F401 - lets the library be found
from nuclei.common.files import write_text
from nuclei.common.markdown import table_lines
from nuclei.common.stage import InputError, run_stage

ROOT = Path(__file__).resolve().parents[1]

# The floors of scripts/nuclei from the ground up: a folder imports only from folders of the floors below its own.
FLOORS = [
    ["common"],
    ["coco", "compute"],
    ["workflow"],
    ["data", "models"],
    ["formats", "prediction"],
    ["scoring"],
    ["training", "export"],
    ["report"],
]

# The default config, with addresses in place of the raw data, which need not be there to plan their download.
DEFAULT = {
    "run": "map",
    "raw": {
        part: {"path": f"https://example.org/{part}.tar.xz", "sha256": 64 * "0"} for part in ("dataset", "test_masks")
    },
}
# On top of it, data in the format of another program.
IMPORTED = {"raw": {"format": "labels", "test_masks": {"path": None, "sha256": None}}}
# The same with several classes.
CLASSES = {"raw": IMPORTED["raw"] | {"format": "coco_json", "classes": ["one", "other"]}}
# On top of config/demo.yaml, every step that the default config leaves out.
EVERYTHING = {
    "run": "map",
    "explored": True,
    "tiles": {"size": 128, "stride": 96, "min_area": 16},
    "folds": {"count": 3, "groups": None, "column": "group", "seed": 0},
    "ensembles": {"two": ["mask_r50/seed0", "cascade_r50/seed0"]},
    "scoring": {"epochs": 3},
    "published": {"submissions": "config"},  # any folder that is there
}

Edge = tuple[str, str]


@dataclass(frozen=True)
class Rule:
    """A rule of the workflow: its rules file, the script that it calls (None: a target), the rule that it copies."""

    name: str
    file: str
    script: str | None
    base: str | None = None


def ask(*arguments: str, config: Iterable[dict] = (), root: Path = ROOT) -> str:
    """What Snakemake prints without running anything, with the given contents of config files in their order."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, content in enumerate(config):
            files.append(str(Path(folder, f"{number}.yaml")))
            Path(files[-1]).write_text(yaml.safe_dump(content), encoding="utf-8")
        command = [sys.executable, "-m", "snakemake", "--nolock", *arguments, "--configfile", *files]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
    if done.returncode:
        said = " ".join((done.stdout + done.stderr)[-400:].split())
        raise InputError(f"snakemake {' '.join(arguments)}: failed ({said}), wanted a plan; correct the workflow")
    return done.stdout


def plans(root: Path = ROOT) -> dict[str, list[dict]]:
    """Config files of the plans that together hold every rule with a file: the default, two imports, the demo's."""
    demo = yaml.safe_load((root / "config/demo.yaml").read_text(encoding="utf-8"))
    return {
        "default": [DEFAULT],
        "imported": [DEFAULT, IMPORTED],
        "classes": [DEFAULT, CLASSES],
        "everything": [demo, EVERYTHING],
    }


def rule_graph(config: list[dict], root: Path = ROOT) -> set[Edge]:
    """(rule, rule that takes its files) of one plan, by Snakemake."""
    text = ask("--rulegraph", "mermaid-js", config=config, root=root)
    names = dict(re.findall(r"^\s*(\w+)\[(\w+)\]$", text, re.MULTILINE))
    edges = {(names[a], names[b]) for a, b in re.findall(r"^\s*(\w+) --> (\w+)$", text, re.MULTILINE)}
    if not edges:
        raise InputError("snakemake --rulegraph: no arrow found, wanted Mermaid text; see what it prints")
    return edges


def below(edges: set[Edge]) -> dict[str, set[str]]:
    """{rule: every rule that follows it, directly or not} of a graph without circles."""
    follows: dict[str, set[str]] = {}

    def visit(rule: str) -> set[str]:
        if rule not in follows:
            direct = {after for before, after in edges if before == rule}
            follows[rule] = direct.union(*(visit(after) for after in direct))
        return follows[rule]

    for rule in {rule for edge in edges for rule in edge}:
        visit(rule)
    return follows


def reduced(edges: set[Edge]) -> set[Edge]:
    """The arrows that do not follow from others.

    >>> sorted(reduced({("a", "b"), ("b", "c"), ("a", "c")}))
    [('a', 'b'), ('b', 'c')]
    """
    follows = below(edges)
    return {
        (before, after)
        for before, after in edges
        if not any(after in follows[other] for start, other in edges if start == before and other != after)
    }


def rules_files(root: Path = ROOT) -> list[str]:
    """Snakefile and the rules files that it includes, in their order."""
    included = re.findall(r'^include: "(.+)"$', (root / "Snakefile").read_text(encoding="utf-8"), re.MULTILINE)
    return ["Snakefile", *included]


def read_rules(root: Path = ROOT) -> list[Rule]:
    """Every rule in the order of the files."""
    found: dict[str, Rule] = {}
    for file in rules_files(root):
        text = (root / file).read_text(encoding="utf-8")
        starts = list(re.finditer(r"^ *(?:use rule (\w+) as (\w+) with|rule (\w+)):$", text, re.MULTILINE))
        for number, start in enumerate(starts):
            end = starts[number + 1].start() if number + 1 < len(starts) else len(text)
            script = re.search(r"python (scripts/\w+\.py)", text[start.end() : end])
            base, copy, name = start.groups()
            if base:
                found[copy] = Rule(copy, file, found[base].script, base)
            else:
                found[name] = Rule(name, file, script and script[1])
    return list(found.values())


def first_sentence(path: Path) -> str:
    """The first sentence of a Python file's docstring, in one line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    if not text:
        raise InputError(f"{path}: no docstring found, wanted one that says what the file is for; write it")
    return re.split(r"(?<=[.!?])\s|\n\n", text)[0].replace("\n", " ")


def picture(rules: list[Rule], default: set[Edge], everything: set[Edge]) -> list[str]:
    """Lines of the Mermaid picture: a box for each rules file; dashed is what the default config leaves out."""
    always = {rule for edge in default for rule in edge}
    solid = reduced(default)
    dashed = {edge for edge in reduced(default | everything) if not set(edge) <= always}
    targets = {rule.name for rule in rules if not rule.script}
    drawn = {rule for edge in solid | dashed for rule in edge} - targets
    lines = ["```mermaid", "flowchart TB"]
    for file in dict.fromkeys(rule.file for rule in rules):
        own = [rule.name for rule in rules if rule.file == file and rule.name in drawn]
        if own:
            lines += [
                f'    subgraph {Path(file).stem}_rules ["{file}"]',
                *(f"        {name}" for name in own),
                "    end",
            ]
    order = {rule.name: number for number, rule in enumerate(rules)}
    for edges, arrow in ((solid, "-->"), (dashed, "-.->")):
        kept = [edge for edge in edges if not targets.intersection(edge)]
        for before, after in sorted(kept, key=lambda edge: (order[edge[0]], order[edge[1]])):
            lines.append(f"    {before} {arrow} {after}")
    left_out = sorted(drawn - always, key=order.__getitem__)
    lines += ["    classDef byConfig stroke-dasharray: 5 5", f"    class {','.join(left_out)} byConfig"]
    return [*lines, "```"]


def rule_table(rules: list[Rule], default: set[Edge], everything: set[Edge], root: Path = ROOT) -> list[str]:
    """Lines of the table of rules: rules file, rule, script, when it runs, what it does."""
    always, ever = ({rule for edge in edges for rule in edge} for edges in (default, default | everything))
    rows = []
    for rule in rules:
        when = "by default" if rule.name in always else "by config" if rule.name in ever else "by name"
        if not rule.script:
            what = "A target: it makes no file itself and asks for files of other rules."
        elif rule.base:
            what = f"The same as `{rule.base}` (by `use rule`), for other files."
        else:
            what = first_sentence(root / rule.script)
        script = f"[{rule.script}](../{rule.script})" if rule.script else "none"
        rows.append([f"[{rule.file}](../{rule.file})", f"`{rule.name}`", script, when, what])
    return table_lines(["rules file", "rule", "script", "runs", "what it does"], rows, marked=True)


def library_folders(root: Path = ROOT) -> list[str]:
    """Names of the library's folders that hold modules."""
    return sorted(path.parent.name for path in (root / "scripts/nuclei").glob("*/__init__.py"))


def floor_table(root: Path = ROOT) -> list[str]:
    """Lines of the table of floors, the top one first; InputError for a folder on no floor, or not there."""
    placed = [name for floor in FLOORS for name in floor]
    wrong = sorted(set(placed) ^ set(library_folders(root)))
    if wrong:
        wanted = "on the disk or in FLOORS alone, wanted in both; correct FLOORS in tools/draw_map.py"
        raise InputError(*(f"scripts/nuclei/{name}: {wanted}" for name in wrong))
    rows = [
        [number, f"[{name}](../scripts/nuclei/{name})", first_sentence(root / "scripts/nuclei" / name / "__init__.py")]
        for number, floor in reversed(list(enumerate(FLOORS)))
        for name in floor
    ]
    return table_lines(["floor", "folder", "what is in it"], rows, marked=True)


def tool_table(root: Path = ROOT) -> list[str]:
    """Lines of the table of tools; `library.py`, which they import, is none."""
    files = [path for path in sorted((root / "tools").glob("*.py")) if path.name != "library.py"]
    rows = [[f"[tools/{path.name}](../tools/{path.name})", first_sentence(path)] for path in files]
    return table_lines(["tool", "what it does"], rows, marked=True)


def parts(root: Path = ROOT) -> dict[str, list[str]]:
    """{marker: lines} of all that the tool makes."""
    rules = read_rules(root)
    default, *others = (rule_graph(config, root) for config in plans(root).values())
    everything = set().union(*others)
    return {
        "picture": picture(rules, default, everything),
        "rules": rule_table(rules, default, everything, root),
        "floors": floor_table(root),
        "tools": tool_table(root),
    }


def filled(page: str, found: dict[str, list[str]], path: Path) -> str:
    """The page with the lines between `<!-- begin NAME -->` and `<!-- end NAME -->` replaced."""
    lacking = [name for name in found if f"<!-- begin {name} -->" not in page or f"<!-- end {name} -->" not in page]
    if lacking:
        raise InputError(
            *(f"{path}: no marks `begin {name}` and `end {name}` found, wanted both; add them" for name in lacking)
        )
    for name, lines in found.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        before, rest = page.split(begin, 1)
        page = "\n".join([f"{before}{begin}", "", *lines, "", f"{end}{rest.split(end, 1)[1]}"])
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=str(ROOT / "docs/map.md"), help="the page that is filled in")
    args = parser.parse_args()
    path = Path(args.out)
    write_text(path, filled(path.read_text(encoding="utf-8"), parts(), path))


if __name__ == "__main__":
    run_stage(main)
