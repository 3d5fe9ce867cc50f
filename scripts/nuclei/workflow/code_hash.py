"""Which local modules a script imports, and what they do, found from their source: what a stage's result depends on."""

import ast
import functools
import hashlib
import itertools
from pathlib import Path


@functools.cache
def facts(text):
    """(names that Python code imports, SHA-256 of its syntax tree without docstrings)."""
    tree, names = ast.parse(text), set()
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, documented) and ast.get_docstring(node) is not None:
            del node.body[0]
    return names, hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def local_modules(script, *roots):
    """Paths of a script and of every local module that it imports, directly or not.

    script: path of a Python file. roots: folders that imports start from (default: the script's own; a tool of tools/
    finds modules there and in scripts/). Imports inside functions count too. Returns a sorted list of paths in the form
    that `script` and `roots` have (relative stays relative).
    """
    script = Path(script)
    roots = list(map(Path, roots)) or [script.parent]
    found, waiting = set(), [script]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for name in facts(path.read_text(encoding="utf-8"))[0]:
            parts = name.split(".")
            for root, end in itertools.product(roots, range(1, len(parts) + 1)):
                base = root.joinpath(*parts[:end])
                waiting += [p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()]
    return sorted(str(path) for path in found)


def code_hash(path):
    """SHA-256 of what a Python file does: of its syntax tree without docstrings. Comments and layout leave it alone."""
    return facts(Path(path).read_text(encoding="utf-8"))[1]
