"""Differences between configs: each gets its reason, and all are shown as short texts (for explain_configs.py)."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import library  # noqa: F401 - lets the library be found
from nuclei.common.stage import InputError

# The scopes whose reasons hold for a difference, the first that fits first; where it was found; key, before, after.
Difference = tuple[Sequence[str], str, str, Any, Any]


def explain(found: Iterable[Difference], reasons: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Give every difference its reason.

    reasons: {scope: {pattern of a key: reason}}. Returns one reason for each difference.
    Raises InputError with every difference that has no reason and every reason that fits no difference.
    """
    explained: list[str] = []
    used: set[tuple[str, str]] = set()
    missing: dict[tuple[str, Any, Any], list[str]] = {}
    for scopes, where, key, before, after in found:
        fits = [(scope, pattern) for scope in scopes for pattern in reasons[scope] if fnmatchcase(key, pattern)]
        if fits:
            used.add(fits[0])
            explained.append(reasons[fits[0][0]][fits[0][1]])
        else:
            missing.setdefault((key, before, after), []).append(where)
    problems = [
        f"{places[0]}{f' and {len(places) - 1} more' if places[1:] else ''}: {key} is {after} instead of {before}, "
        "wanted a reason; take the change back or list its reason in tools/explain_configs.py"
        for (key, before, after), places in missing.items()
    ]
    problems += [
        f"tools/explain_configs.py: reason for {pattern} ({scope}) fits no difference; remove it"
        for scope, patterns in reasons.items()
        for pattern in patterns
        if (scope, pattern) not in used
    ]
    if problems:
        raise InputError(*problems)
    return explained


def show(value: Any) -> str:
    """A value of a config as short text: the end of a long path, the path of a checkpoint, the rest as it is."""
    text = str(value["checkpoint"] if isinstance(value, dict) and "checkpoint" in value else value)
    parts = text.split("/")
    return f"…/{'/'.join(parts[-2:])}" if len(text) > 32 and len(parts) > 2 and "://" not in text else text


def merge_stages(rows: Iterable[tuple[str, str, str, str]]) -> Iterator[tuple[str, str, str, str]]:
    """Join rows (key, before, after, reason) that differ in the number of a cascade's stage alone.

    The joined row has `{0,1,2}` in its key in place of the number.
    """
    merged: dict[tuple[str, str, str, str, str], list[str]] = {}
    for key, before, after, reason in rows:
        head, place, tail = re.findall(r"(?:(.*?\.)(\d+)(?=\.))?(.*)", key)[0]
        merged.setdefault((head, tail, before, after, reason), []).append(place)
    for (head, tail, before, after, reason), places in merged.items():
        stages = places[0] if len(places) == 1 else f"{{{','.join(places)}}}"
        yield f"{head}{stages}{tail}", before, after, reason


def by_value(values: Mapping[str, str]) -> str:
    """The values of all models as one text: the commonest one alone, the others with their models.

    values: {model: text}.

    >>> by_value({"w": "a", "x": "b", "y": "b", "z": "c"})
    '`b`; w: `a`; z: `c`'
    """
    groups: dict[str, list[str]] = {}
    for model, value in values.items():
        groups.setdefault(value, []).append(model)
    first, *others = sorted(groups.items(), key=lambda group: -len(group[1]))
    return "; ".join([f"`{first[0]}`", *(f"{', '.join(names)}: `{value}`" for value, names in others)])


def these(names: Collection[str], everyone: Collection[str]) -> str:
    """Some of all names as a text: `all`, `all but x`, or the names themselves, whichever is shortest."""
    missing = [name for name in everyone if name not in names]
    if not missing:
        return "all"
    return f"all but {', '.join(missing)}" if len(missing) < len(names) else ", ".join(names)


def by_setting(values: Iterable[str]) -> str:
    """The texts of settings 1 and 2 with a slash between them, or the one text that they share."""
    return " / ".join(dict.fromkeys(values))
