"""Where tests lie: as the library does, each under a name of its own, and none imports another."""

import ast
from collections import Counter

import pytest
from conftest import ROOT

LIBRARY = ROOT / "scripts/nuclei"
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if "__pycache__" not in path.parts)


def imported(path):
    """Names of the modules that a Python file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_no_two_test_files_share_a_name():
    names = Counter(path.name for path in TESTS if path.name.startswith("test_"))
    assert [name for name, count in names.items() if count > 1] == []


def test_no_test_file_imports_another():
    for path in TESTS:
        assert not [
            name for name in imported(path) if name.split(".")[-1].startswith("test_") and name[:7] != "nuclei."
        ]


@pytest.mark.parametrize("subject", sorted({path.parent.name for path in (ROOT / "tests/unit").glob("*/*.py")}))
def test_unit_tests_mirror_the_library(subject):
    tested = {path.name.removeprefix("test_") for path in (ROOT / "tests/unit" / subject).glob("*.py")}
    assert tested <= {path.name for path in (LIBRARY / subject).glob("*.py")}
