"""Which modules of this project a script imports, and a hash of what each of them does.

What runs again when code changes? Every rule but fetch_weights has among its params the hash of its script and of each
module of the project that the script imports, directly or through other modules (`code` in rules/common.smk). Where one
of these hashes has changed, Snakemake sees a changed param and runs every job of the rule again, and every job after
it. Comments, docstrings, layout and the files' times are no part of a hash, so changing them runs nothing. A training
that runs again because of its code finds its epochs in work/, and ends at once if it has finished, since the code does
not decide which training it is. docs/rerun.md lists what each kind of change runs again, and data_hash.py answers the
question for data.
"""

import ast
import functools
import hashlib
import itertools
from pathlib import Path


def is_for_type_checking(node: ast.stmt) -> bool:
    """Whether a statement is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


@functools.cache
def imports_and_hash(text: str) -> tuple[set[str], str]:
    """(names of the modules that Python code may import, SHA-256 of its syntax tree without docstrings).

    text: the code. `from a import b` gives both `a` and `a.b`, since b may be a module. Relative imports are left out;
    the project has none. What stands below `if TYPE_CHECKING:` counts for neither, as it never runs.
    """
    tree = ast.parse(text)
    tree.body = [node for node in tree.body if not is_for_type_checking(node)]
    names: set[str] = set()
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, documented) and ast.get_docstring(node) is not None:
            del node.body[0]
    return names, hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def local_modules(script: Path | str, *roots: Path | str) -> list[str]:
    """Paths of a script and of every module of the project that it imports, directly or through other modules.

    script: path of a Python file. roots: folders that imports start from (default: the script's own; a tool of tools/
    finds modules there and in scripts/). Imports inside functions count too, and so do the `__init__.py` of the folders
    on the way. Returns a sorted list of paths in the form that `script` and `roots` have: relative paths give relative
    ones, so that a moved project keeps its params.
    """
    script = Path(script)
    folders = list(map(Path, roots)) or [script.parent]
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for name in imports_and_hash(path.read_text(encoding="utf-8"))[0]:
            parts = name.split(".")
            for root, end in itertools.product(folders, range(1, len(parts) + 1)):
                base = root.joinpath(*parts[:end])
                waiting += [p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()]
    return sorted(str(path) for path in found)


def code_hash(path: Path | str) -> str:
    """SHA-256, in hexadecimal digits, of what a Python file does: of its syntax tree without docstrings.

    Comments and layout are not in the tree. Types of parameters and results are, so adding one changes the hash.
    """
    return imports_and_hash(Path(path).read_text(encoding="utf-8"))[1]
