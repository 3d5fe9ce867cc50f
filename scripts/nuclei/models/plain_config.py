"""Reading a resolved config.py as data: only values are taken from it, and no code of it runs.

mmcv runs a config as Python. That is right for a config that this project made on this machine. One that came with a
model from elsewhere must not run, so it may hold only what a resolved config is made of: names that are assigned
numbers, texts, lists, tuples and dicts.
"""

import ast
import contextlib
from pathlib import Path
from typing import Any

from nuclei.common.stage import InputError

IMPORTS = {"nuclei.augmentation", "nuclei.models.shallow"}  # all that nuclei.models.resolve lets a config import


def value_of(node: ast.expr) -> Any:
    """The value of an expression of literals and dict(…). Raises ValueError for any other expression."""
    if isinstance(node, ast.Call):
        words = [word.arg for word in node.keywords]
        if not isinstance(node.func, ast.Name) or node.func.id != "dict" or node.args or None in words:
            raise ValueError(f"line {node.lineno}: a call")
        return {word.arg: value_of(word.value) for word in node.keywords}
    if isinstance(node, ast.List):
        return [value_of(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(value_of(item) for item in node.elts)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {value_of(key): value_of(value) for key, value in pairs if key is not None}
    return ast.literal_eval(node)


def read_value(path: Path | str, name: str, default: Any) -> Any:
    """The value of one name in a config.py of values, or of code, without running it; the default where it has none.

    Also the default where the file is missing or damaged: who reads the whole of it says so.
    """
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, SyntaxError, RecursionError, MemoryError):
        for statement in ast.parse(Path(path).read_text(encoding="utf-8")).body:
            if isinstance(statement, ast.Assign) and [ast.unparse(target) for target in statement.targets] == [name]:
                return value_of(statement.value)
    return default


def read_plain_config(path: Path | str) -> dict[str, Any]:
    """The values of a config.py by name. InputError where it holds anything but values, or names other files.

    Base files and imports are code of other files, so both are refused; but for the import of this project's own steps.
    """
    found: dict[str, Any] = {}
    try:
        for statement in ast.parse(Path(path).read_text(encoding="utf-8")).body:
            if not isinstance(statement, ast.Assign) or not all(isinstance(t, ast.Name) for t in statement.targets):
                raise ValueError(f"line {statement.lineno}: no assignment")
            found |= {
                target.id: value_of(statement.value) for target in statement.targets if isinstance(target, ast.Name)
            }
        if "_base_" in found or not set(found.get("custom_imports", {}).get("imports", [])) <= IMPORTS:
            raise ValueError("names of other files to load")
        if not isinstance(found.get("model"), dict) or not isinstance(found.get("data"), dict):
            raise ValueError("no model or no data")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), wanted config.py; check the path") from None
    except (ValueError, TypeError, AttributeError, SyntaxError, RecursionError, MemoryError) as error:
        raise InputError(
            f"{path}: other content found ({str(error)[:80]}), wanted values alone, as resolve_config.py writes them; "
            "do not use it"
        ) from None
    return found
