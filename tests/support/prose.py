"""What the project says to people: messages, docstrings, comments and pages, each with the place where it stands.

A part that the program fills in (`{name}` of an f-string, `<name>` of a page) is `*` in the texts.
"""

import ast
import io
import re
import tokenize
from dataclasses import dataclass

from conftest import ROOT

PAGES = ["README.md", "config/README.md", "results/README.md"]
FILLED = re.compile(r"\{[^{}]*\}|<[a-z_ ]+>|…")


@dataclass(frozen=True)
class Text:
    """A text and where it stands: file below the project's folder, first line. kind: message, comment, page or code."""

    file: str
    line: int
    kind: str
    text: str

    @property
    def place(self):
        return f"{self.file}:{self.line}"


def literal(node):
    """The text of a string literal, or None for other nodes; what an f-string fills in is `*`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "*" for part in node.values)
    return None


def of_python(file):
    """Texts of a Python file: string literals and docstrings, whole ones even where they stand on several lines."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    inner = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if node not in inner and literal(node):
            yield Text(file, node.lineno, "message", literal(node))


def comments(file, kinds=(tokenize.COMMENT,)):
    """Comments of a file in Python's or Snakemake's language; kinds: also tokenize.STRING for its string literals."""
    with io.StringIO((ROOT / file).read_text(encoding="utf-8")) as lines:
        for token in tokenize.generate_tokens(lines.readline):
            if token.type in kinds:
                kind = "comment" if token.type == tokenize.COMMENT else "message"
                yield Text(file, token.start[0], kind, FILLED.sub("*", token.string))


def hash_comments(file):
    """Comments of a YAML file or a Makefile, from each `#` at a line's start or after a space."""
    for number, line in enumerate((ROOT / file).read_text(encoding="utf-8").splitlines(), 1):
        if found := re.search(r"(?:^|\s)#\s*(.*)", line):
            yield Text(file, number, "comment", found[1])


def of_page(file):
    """A Markdown page, line by line; a line of a fenced block is code, without its comment."""
    kind = "page"
    for number, line in enumerate((ROOT / file).read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            kind = "page" if kind == "code" else "code"
        elif kind == "code":
            code, _, remark = line.partition(" # ")
            yield Text(file, number, "code", code)
            yield Text(file, number, "page", remark)
        else:
            yield Text(file, number, "page", re.sub(r"<[a-z_ ]+>|…", "*", line))


def below(*patterns):
    """Paths of files below the project's folder, as texts."""
    return sorted(path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern))


def all_texts():
    """Everything that names keys, targets, scripts and files for a person."""
    for file in below("scripts/**/*.py", "tools/*.py"):
        yield from of_python(file)
        yield from comments(file)
    for file in ["Snakefile", *below("rules/*.smk")]:
        yield from comments(file, (tokenize.COMMENT, tokenize.STRING))
    for file in ["Makefile", *below("config/*.yaml", "profiles/*/*.yaml", "envs/*.yaml", "*.yaml")]:
        yield from hash_comments(file)
    for number, line in enumerate((ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines(), 1):
        yield Text("pyproject.toml", number, "comment", line.replace("\\\\.", "."))
    for file in [*PAGES, *below("docs/*.md")]:
        yield from of_page(file)
