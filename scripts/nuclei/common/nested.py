"""Nested configs as flat lists of keys, and what differs between two of them."""

from collections.abc import Iterator
from typing import Any

ABSENT = "absent"
KEPT_WHOLE = {"init_cfg"}  # where weights come from is one decision, so its dict is one value


def flatten(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield (key, value) for each value of a nested config; the key is the path to the value, joined by dots.

    An item of a list of dicts is named by its `type`, so that a step inserted before it does not rename it. Items that
    share a type, or have none, are named by their place in the list. `<list>.types` is the list of types in order.
    path: keys above `node`, for the recursion.

    >>> list(flatten({"a": [{"type": "X", "b": 1}], "c": (1, 2)}))
    [('a.types', ['X']), ('a.X.type', 'X'), ('a.X.b', 1), ('c', (1, 2))]
    """
    items = list(node) if isinstance(node, (list, tuple)) else []
    if isinstance(node, dict) and node and not KEPT_WHOLE.intersection(path[-1:]):
        for key, value in node.items():
            yield from flatten(value, (*path, str(key)))
    elif items and all(isinstance(item, dict) for item in items):
        kinds = [item.get("type") for item in items]
        yield ".".join((*path, "types")), kinds  # the other keys do not say the order of the steps
        for place, (kind, item) in enumerate(zip(kinds, items, strict=True)):
            yield from flatten(item, (*path, kind if kind and kinds.count(kind) == 1 else str(place)))
    else:
        yield ".".join(path), node


def changes(before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    """[(key, value before, value after)] of every flat key (see flatten) whose value differs between two configs.

    Keys come in the order of `before`, then those that `after` alone has. ABSENT stands for a missing value.
    """
    old, new = dict(flatten(before)), dict(flatten(after))
    return [
        (key, old.get(key, ABSENT), new.get(key, ABSENT))
        for key in dict.fromkeys([*old, *new])
        if key not in old or key not in new or old[key] != new[key]
    ]
