"""The reference of the config's keys, read from the annotations of its JSON schema and written as Markdown tables.

Each key carries `description`, `default` and `x-reruns`, which says in names of rules what runs again when the key
changes. A section (a mapping whose keys the schema names) has a description alone; the rest stands with its keys.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from nuclei.common.markdown import table_lines
from nuclei.common.stage import InputError

HEADER = ["key", "type and allowed values", "default", "meaning", "what runs again"]
TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "object": "mapping",
    "null": "`null`",
}
BOUNDS = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most"}
MARKER = "<!-- made by make docs: {}, {} -->"


@dataclass(frozen=True)
class Key:
    """A key of a YAML file: its dotted path (`<name>` where names are free), its schema, whether it must be given."""

    path: str
    schema: dict[str, Any]
    required: bool

    @property
    def section(self) -> bool:
        """Whether it is always a mapping whose keys the schema names, so that it has no value of its own."""
        return bool(children(self.schema)) and self.schema.get("type") == "object"


def children(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """{name: schema} of the keys right below a schema; `<name>` where names are free and their values have keys."""
    rest = schema.get("additionalProperties")
    free = {"<name>": rest} if isinstance(rest, dict) and "properties" in rest else {}
    return {**schema.get("properties", {}), **free}


def list_keys(schema: dict[str, Any], above: str = "") -> Iterator[Key]:
    """Every key of a schema in its order, a section ahead of its keys. above: path of the schema itself."""
    for name, child in children(schema).items():
        path = f"{above}.{name}" if above else name
        yield Key(path, child, name in schema.get("required", []))
        yield from list_keys(child, path)


def value_at(content: Any, path: str) -> tuple[bool, Any]:
    """(whether `path` is there, its value) in nested mappings.

    >>> value_at({"a": {"b": None}}, "a.b"), value_at({"a": None}, "a.b")
    ((True, None), (False, None))
    """
    for part in path.split("."):
        if not isinstance(content, dict) or part not in content:
            return False, None
        content = content[part]
    return True, content


def lacking(keys: Iterable[Key]) -> list[str]:
    """A line for each text that a key lacks."""
    return [
        f"config/schema.yaml: {key.path} has no {name}, wanted a text; add it"
        for key in keys
        for name in ("description", "x-reruns")
        if not str(key.schema.get(name) or "").strip() and not (key.section and name == "x-reruns")
    ]


def wrong_defaults(keys: Iterable[Key], config: dict[str, Any]) -> list[str]:
    """A line for each key whose `default` is not its value in `config`, the content of config.yaml.

    A key whose section is null there has no default; a mapping there has those of its keys.
    """
    problems = []
    for key in keys:
        there, value = value_at(config, key.path)
        of_its_keys = isinstance(value, dict) and bool(children(key.schema))
        wanted = show(value) if there and not of_its_keys else "none"
        found = show(key.schema["default"]) if "default" in key.schema else "none"
        if found != wanted:
            problems.append(
                f"config/schema.yaml: {key.path} has the default {found}, wanted {wanted} as in config/config.yaml; "
                "correct one of them"
            )
    return problems


def unknown_rules(keys: Iterable[Key], rules: Iterable[str], words: Iterable[str]) -> list[str]:
    """A line for each name in an `x-reruns` that is neither a rule nor one of `words` (config keys and values)."""
    rules, words = set(rules), set(words)
    problems = []
    for key in keys:
        text = str(key.schema.get("x-reruns", ""))
        plain = re.sub(r"`[^`]*`", "", text)
        names = [name.split(":")[0] for name in re.findall(r"`([^`]*)`", text)] + re.findall(r"\b\w+_\w+\b", plain)
        problems += [
            f"config/schema.yaml: x-reruns of {key.path} names {name}, which is no rule and no key; correct the name"
            for name in names
            if name not in rules | words
        ]
        if text and not rules & set(names) and not text.startswith("Nothing"):
            problems.append(
                f"config/schema.yaml: x-reruns of {key.path} names no rule, wanted one or `Nothing`; add it"
            )
    return problems


def rules_of(paths: Iterable[str | Path]) -> list[str]:
    """Names of the rules in Snakemake files, without asking Snakemake."""
    texts = [Path(path).read_text(encoding="utf-8") for path in paths]
    return [name for text in texts for name in re.findall(r"^ *(?:rule|use rule \w+ as) (\w+)", text, re.MULTILINE)]


def show(value: Any) -> str:
    """A value as it is written in YAML, on one line.

    >>> show(None), show([1, "a"]), show("none")
    ('null', '[1, a]', 'none')
    """
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=float("inf"))
    return text.removesuffix("...\n").strip()


def either(texts: Sequence[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return " or ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def describe_list(schema: dict[str, Any]) -> str:
    """A list's items, their number, and whether they differ."""
    items, least = schema.get("items", {}), schema.get("minItems", 0)
    if "enum" in items:
        return f"list (of {', '.join(f'`{show(value)}`' for value in items['enum'])})"
    number = f" {least}" if least == schema.get("maxItems") else f" at least {least}" if least > 1 else ""
    inner = re.sub(r"^(list|text|whole number|number|mapping)", r"\1s", describe(items))
    return f"list of{number}{' different' if schema.get('uniqueItems') else ''} {inner}"


def describe(schema: dict[str, Any]) -> str:
    """A key's type and allowed values in words.

    >>> describe({"type": ["integer", "null"], "minimum": 1})
    'whole number (at least 1) or `null`'
    """
    if "anyOf" in schema:
        values = [[{"const": value} for value in option.get("enum", [])] or [option] for option in schema["anyOf"]]
        return either(sorted((describe(one) for several in values for one in several), key="`null`".__eq__))
    if "const" in schema:
        return f"`{show(schema['const'])}`"
    if "enum" in schema:
        return either([f"`{show(value)}`" for value in schema["enum"]])
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    texts = [describe_list(schema) if kind == "array" else TYPES[kind] for kind in kinds]
    limits = [f"{word} {schema[name]}" for name, word in BOUNDS.items() if name in schema]
    limits += [f"of the form `{schema['pattern']}`"] if "pattern" in schema else []
    if limits:
        texts[0] += f" ({', '.join(limits)})"
    return either(texts)


def row(key: Key) -> list[str]:
    """A key's cells under HEADER."""
    name = f"`{key.path}`"
    if key.section:
        return [name, "section", "", key.schema.get("description", ""), ""]
    if "default" in key.schema:
        default = f"`{show(key.schema['default'])}`"
    elif children(key.schema):
        default = "that of its keys"
    else:
        default = f"none: {'must be given' if key.required else 'may be left out'}"
    cells = [name, describe(key.schema), default, *(key.schema.get(text, "") for text in ("description", "x-reruns"))]
    return [cell.strip() for cell in cells]


def reference_lines(keys: Iterable[Key]) -> list[str]:
    """The Markdown table of keys."""
    return table_lines(HEADER, [row(key) for key in keys], marked=True)


def fill(page: str, name: str, lines: Iterable[str], path: str) -> str:
    """The page at `path` with `lines` between the markers of `name`; InputError where it has not one of each."""
    begin, end = (MARKER.format(name, edge) for edge in ("begin", "end"))
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise InputError(f"{path}: no lines `{begin}` and `{end}`, wanted each once, in this order; put them back")
    return page[: page.index(begin)] + "\n".join([begin, "", *lines, "", ""]) + page[page.index(end) :]
